use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Strategy, *};

const ZONE: &str = "ecs.availability-zone";

/// An idle instance with a connected agent: 2 vCPU and 4 GiB.
fn instance(id: &str, zone: &str) -> Candidate {
    Candidate {
        id: id.to_owned(),
        agent_connected: true,
        attributes: [(ZONE.to_owned(), zone.to_owned())].into(),
        free: FreeResources { cpu: 2048, memory: 4096, gpu: 0 },
        ..Candidate::default()
    }
}

fn web() -> PlacementRequest {
    PlacementRequest {
        needs: Needs { cpu: 256, memory: 512, ..Needs::default() },
        group: "service:web".to_owned(),
        ..Default::default()
    }
}

fn put(candidate: &mut Candidate, request: &PlacementRequest) {
    candidate.free.cpu -= request.needs.cpu;
    candidate.free.memory -= request.needs.memory;
    candidate.reserved_ports.extend(&request.needs.ports);
    candidate.tasks.push(PlacedTask { group: request.group.clone(), is_running: true });
}

fn member_of(expression: &str) -> Constraint {
    Constraint::MemberOf(Arc::new(Expression::parse(expression).unwrap()))
}

/// What stands against an instance after one change to it or to the request; the texts are those of "API failure reasons" in the
/// developer guide, and for the constraints those that RunTask answers.
fn reason(change: impl FnOnce(&mut PlacementRequest, &mut Candidate)) -> &'static str {
    let (mut request, mut candidate) = (web(), instance("i1", "a"));
    change(&mut request, &mut candidate);
    check(&request, &candidate).expect_err("something stands against it").as_str()
}

#[test]
fn an_idle_instance_takes_a_task() {
    assert_eq!(place(&web(), &[instance("i1", "a")], 0), Ok(0));
}

#[test]
fn each_obstacle_has_the_reason_that_ecs_gives() {
    assert_eq!(reason(|_, candidate| candidate.status = InstanceStatus::Inactive), "INACTIVE");
    assert_eq!(reason(|_, candidate| candidate.agent_connected = false), "AGENT");
    assert_eq!(reason(|request, _| request.required_attributes = vec![("ecs.capability.task-eni".to_owned(), None)]), "ATTRIBUTE");
    assert_eq!(reason(|request, _| request.required_attributes = vec![(ZONE.to_owned(), Some("b".to_owned()))]), "ATTRIBUTE");
    assert_eq!(reason(|request, _| request.needs.cpu = 2049), "RESOURCE:CPU");
    assert_eq!(reason(|request, _| request.needs.memory = 4097), "RESOURCE:MEMORY");
    assert_eq!(reason(|request, _| request.needs.gpu = 1), "RESOURCE:GPU");
    let port = BTreeSet::from([80]);
    assert_eq!(
        reason(|request, candidate| (request.needs.ports, candidate.reserved_ports) = (port.clone(), port.clone())),
        "RESOURCE:PORTS"
    );
    assert_eq!(
        reason(|request, candidate| (request.needs.ports_udp, candidate.reserved_ports_udp) = (port.clone(), port.clone())),
        "RESOURCE:PORTS_UDP"
    );
    let other_zone = "attribute:ecs.availability-zone == b";
    assert_eq!(
        reason(|request, _| request.constraints = vec![member_of(other_zone)]),
        "MemberOf placement constraint unsatisfied."
    );
    let distinct = reason(|request, candidate| {
        put(candidate, request);
        request.constraints = vec![Constraint::DistinctInstance];
    });
    assert_eq!(distinct, "DistinctInstance placement constraint unsatisfied.");
}

#[test]
fn a_port_is_taken_for_its_own_protocol_only() {
    let (mut request, mut candidate) = (web(), instance("i1", "a"));
    request.needs.ports = BTreeSet::from([53]);
    candidate.reserved_ports_udp = BTreeSet::from([53]);
    assert_eq!(check(&request, &candidate), Ok(()));
}

#[test]
fn distinct_instances_are_distinct_within_a_group_only() {
    let (mut request, mut candidate) = (web(), instance("i1", "a"));
    request.constraints = vec![Constraint::DistinctInstance];
    put(&mut candidate, &PlacementRequest { group: "service:api".to_owned(), ..web() });
    assert_eq!(check(&request, &candidate), Ok(()));
}

#[test]
fn draining_and_inactive_instances_are_passed_over_without_a_failure() {
    let mut candidates = [instance("i1", "a"), instance("i2", "a")];
    candidates[0].status = InstanceStatus::Draining;
    candidates[1].status = InstanceStatus::Inactive;
    assert_eq!(place(&web(), &candidates, 0), Err(Unplaceable { failures: Vec::new() }));
}

#[test]
fn each_active_instance_has_its_failure() {
    let mut candidates = [instance("i1", "a"), instance("i2", "a"), instance("i3", "a")];
    candidates[0].agent_connected = false;
    candidates[1].free.cpu = 0;
    candidates[2].free.cpu = 255;
    let unplaceable = place(&web(), &candidates, 0).unwrap_err();
    let reasons: Vec<_> =
        unplaceable.failures.iter().map(|failure| (&*failure.container_instance, failure.reason.as_str())).collect();
    assert_eq!(reasons, [("i1", "AGENT"), ("i2", "RESOURCE:CPU"), ("i3", "RESOURCE:CPU")]);
    assert_eq!(unplaceable.closest().unwrap().container_instance, "i2");
}

/// The messages as DescribeServices shows them; "Amazon ECS service event messages" in the developer guide has the sentences.
#[test]
fn a_service_event_names_the_closest_instance_and_what_it_lacks() {
    let event = |reason| {
        let failures = vec![PlacementFailure { container_instance: "48fccf62".to_owned(), reason }];
        Unplaceable { failures }.service_event("web")
    };
    for (reason, sentence) in [
        (Reason::Cpu, "has insufficient CPU units available."),
        (Reason::Memory, "has insufficient memory available."),
        (Reason::Ports, "is already using a port required by your task."),
        (Reason::Attribute, "is missing an attribute required by your task."),
        (Reason::Agent, "encountered error \"AGENT\"."),
        (Reason::MemberOf, "encountered error \"MemberOf placement constraint unsatisfied.\"."),
    ] {
        let expected = format!(
            "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching \
             (container-instance 48fccf62) {sentence} For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        );
        assert_eq!(event(reason), expected);
    }
    assert_eq!(
        Unplaceable { failures: Vec::new() }.service_event("web"),
        "(service web) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances \
         were found in your cluster. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    );
}

#[test]
fn a_service_is_spread_over_zones_by_default() {
    let mut candidates = [instance("i1", "a"), instance("i2", "a"), instance("i3", "b")];
    let request = PlacementRequest { strategies: vec![Strategy::SERVICE_DEFAULT], ..web() };
    for seed in 0..4 {
        let chosen = place(&request, &candidates, seed).unwrap();
        put(&mut candidates[chosen], &request);
    }
    assert_eq!(candidates[2].tasks.len(), 2);
}

#[test]
fn spreading_counts_the_tasks_of_the_group_alone() {
    let mut candidates = [instance("i1", "a"), instance("i2", "b")];
    let api = PlacementRequest { group: "service:api".to_owned(), ..web() };
    put(&mut candidates[0], &web());
    put(&mut candidates[1], &api);
    put(&mut candidates[1], &api);
    let request = PlacementRequest { strategies: vec![Strategy::Spread(SpreadField::InstanceId)], ..web() };
    assert_eq!(place(&request, &candidates, 0), Ok(1));
}

#[test]
fn binpack_takes_the_instance_with_the_least_left_that_is_enough() {
    let mut candidates = [instance("i1", "a"), instance("i2", "a"), instance("i3", "a")];
    candidates[0].free.memory = 511;
    candidates[1].free.memory = 600;
    let request = PlacementRequest { strategies: vec![Strategy::Binpack(BinpackField::Memory)], ..web() };
    assert_eq!(place(&request, &candidates, 0), Ok(1));
}

#[test]
fn a_second_strategy_chooses_among_what_the_first_left_equal() {
    let mut candidates = [instance("i1", "a"), instance("i2", "b"), instance("i3", "b")];
    candidates[0].free.cpu = 300;
    candidates[2].free.cpu = 1000;
    put(&mut candidates[0], &PlacementRequest { needs: Needs::default(), ..web() });
    let strategies = vec![Strategy::SERVICE_DEFAULT, Strategy::Binpack(BinpackField::Cpu)];
    assert_eq!(place(&PlacementRequest { strategies, ..web() }, &candidates, 0), Ok(2));
}

#[test]
fn random_reaches_every_instance_that_fits() {
    let candidates = [instance("i1", "a"), instance("i2", "a"), instance("i3", "a")];
    let chosen: BTreeSet<_> = (0..100).map(|seed| place(&web(), &candidates, seed).unwrap()).collect();
    assert_eq!(chosen, BTreeSet::from([0, 1, 2]));
}

/// The valid values of PlacementStrategy's `field`.
#[test]
fn strategies_are_read_as_a_request_writes_them() {
    assert_eq!(Strategy::from_request("random", None), Some(Strategy::Random));
    assert_eq!(Strategy::from_request("spread", Some("host")), Some(Strategy::Spread(SpreadField::InstanceId)));
    assert_eq!(Strategy::from_request("spread", Some("instanceId")), Some(Strategy::Spread(SpreadField::InstanceId)));
    assert_eq!(Strategy::from_request("spread", Some("attribute:ecs.availability-zone")), Some(Strategy::SERVICE_DEFAULT));
    let custom = SpreadField::Attribute("rack".to_owned());
    assert_eq!(Strategy::from_request("spread", Some("attribute:rack")), Some(Strategy::Spread(custom)));
    assert_eq!(Strategy::from_request("binpack", Some("cpu")), Some(Strategy::Binpack(BinpackField::Cpu)));
    assert_eq!(Strategy::from_request("binpack", Some("memory")), Some(Strategy::Binpack(BinpackField::Memory)));
    for (strategy_type, field) in
        [("spread", None), ("spread", Some("zone")), ("binpack", Some("gpu")), ("binpack", None), ("even", None)]
    {
        assert_eq!(Strategy::from_request(strategy_type, field), None, "{strategy_type} {field:?}");
    }
}

fn strategies() -> impl proptest::strategy::Strategy<Value = Vec<Strategy>> {
    let one = prop_oneof![
        Just(Strategy::Random),
        Just(Strategy::SERVICE_DEFAULT),
        Just(Strategy::Spread(SpreadField::InstanceId)),
        Just(Strategy::Binpack(BinpackField::Cpu)),
        Just(Strategy::Binpack(BinpackField::Memory)),
    ];
    proptest::collection::vec(one, 0..3)
}

proptest! {
    #[test]
    fn what_is_chosen_fits_and_none_is_chosen_only_where_none_fits(
        free in proptest::collection::vec((0_u64..1000, 0_u64..1000, any::<bool>()), 0..8), strategies in strategies(), seed in any::<u64>()
    ) {
        let candidates: Vec<_> = free
            .into_iter()
            .enumerate()
            .map(|(n, (cpu, memory, agent_connected))| Candidate {
                free: FreeResources { cpu, memory, gpu: 0 },
                agent_connected,
                ..instance(&n.to_string(), if n % 2 == 0 { "a" } else { "b" })
            })
            .collect();
        let request = PlacementRequest { strategies, ..web() };
        match place(&request, &candidates, seed) {
            Ok(chosen) => prop_assert_eq!(check(&request, &candidates[chosen]), Ok(())),
            Err(unplaceable) => prop_assert_eq!(unplaceable.failures.len(), candidates.len()),
        }
        prop_assert_eq!(place(&request, &candidates, seed), place(&request, &candidates, seed));
    }

    #[test]
    fn spread_tasks_never_differ_by_more_than_one_between_instances_with_room(count in 1_usize..6, tasks in 0_usize..20, seed in any::<u64>()) {
        let mut candidates: Vec<_> = (0..count)
            .map(|n| Candidate { free: FreeResources { cpu: 1 << 20, memory: 1 << 20, gpu: 0 }, ..instance(&n.to_string(), "a") })
            .collect();
        let request = PlacementRequest { strategies: vec![Strategy::Spread(SpreadField::InstanceId)], ..web() };
        for n in 0..tasks {
            let chosen = place(&request, &candidates, seed.wrapping_add(n as u64)).unwrap();
            put(&mut candidates[chosen], &request);
        }
        let placed: Vec<_> = candidates.iter().map(|candidate| candidate.tasks.len()).collect();
        prop_assert!(placed.iter().max().unwrap() - placed.iter().min().unwrap() <= 1, "{:?}", placed);
    }
}
