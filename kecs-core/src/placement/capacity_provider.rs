//! Capacity provider strategies: which provider the next task goes to.

/// One item of a strategy (`CapacityProviderStrategyItem`), with the tasks that its provider has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrategyItem {
    /// How many tasks it gets before weights count; at most one item of a strategy has one (0 to 100,000).
    pub base: u32,
    /// Its share of the others (0 to 1,000).
    pub weight: u32,
    /// How many tasks of the service, or of this RunTask, it has.
    pub tasks: u64,
}

/// The index of the item that the next task goes to; `None` where no item may take it.
///
/// The base is filled first. What is above it follows the weights: after every single task, each provider is less than one task away from
/// its share, if the tasks came from here and none was stopped; after others were, it comes back to it. A weight of 0 takes nothing above
/// its base, except where it is the only item.
pub fn next_provider(items: &[StrategyItem]) -> Option<usize> {
    if let Some(index) = items.iter().position(|item| item.tasks < u64::from(item.base)) {
        return Some(index);
    }
    if items.len() == 1 {
        return Some(0);
    }
    let above_base = |item: &StrategyItem| i128::from(item.tasks.saturating_sub(u64::from(item.base)));
    let weighted: Vec<_> = items.iter().enumerate().filter(|(_, item)| item.weight > 0).collect();
    let total_weight: i128 = weighted.iter().map(|(_, item)| i128::from(item.weight)).sum();
    let next: i128 = weighted.iter().map(|(_, item)| above_base(item)).sum::<i128>() + 1;

    // R. Tijdeman, "The chairman assignment problem" (1980): with n providers, of those that are at least 1/(2n-2) of a task short once the
    // next task is counted, the one that can wait the least. Taking simply the one that is the furthest behind lets a light provider drift
    // by more than a task when there are many. All terms are multiplied by (2n-2) and by the sum of the weights, to stay whole.
    let slack = i128::try_from(2 * weighted.len()).ok()? - 2;
    let due = |item: &StrategyItem| slack.max(1) * (next * i128::from(item.weight) - above_base(item) * total_weight);
    weighted
        .into_iter()
        .filter(|(_, item)| slack == 0 || due(item) >= total_weight)
        .min_by(|(_, left), (_, right)| {
            // How long it can wait is (what may be missing - what is missing) / weight; compared crosswise.
            let waits = |item: &StrategyItem| (slack - 1) * total_weight - due(item);
            (waits(left) * i128::from(right.weight)).cmp(&(waits(right) * i128::from(left.weight)))
        })
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distribute(items: &mut [StrategyItem], tasks: usize) {
        for _ in 0..tasks {
            let index = next_provider(items).expect("a provider takes it");
            items[index].tasks += 1;
        }
    }

    fn item(base: u32, weight: u32) -> StrategyItem {
        StrategyItem { base, weight, tasks: 0 }
    }

    fn counts(items: &[StrategyItem]) -> Vec<u64> {
        items.iter().map(|item| item.tasks).collect()
    }

    /// CapacityProviderStrategyItem: with weights 1 and 4, for every task on the first four run on the second.
    #[test]
    fn for_every_task_on_the_first_four_run_on_the_second() {
        let mut items = [item(0, 1), item(0, 4)];
        for fives in 1..=10 {
            distribute(&mut items, 5);
            assert_eq!(counts(&items), [fives, 4 * fives]);
        }
    }

    /// CapacityProviderStrategyItem: two providers of weight 1 share evenly once the base is satisfied.
    #[test]
    fn the_base_is_satisfied_first_and_then_weights_count() {
        let mut items = [item(0, 1), item(3, 1)];
        distribute(&mut items, 3);
        assert_eq!(counts(&items), [0, 3]);
        distribute(&mut items, 10);
        assert_eq!(counts(&items), [5, 8]);
    }

    /// CapacityProviderStrategyItem: providers with a weight of 0 cannot be used to place tasks; a strategy of several with only such ones fails.
    #[test]
    fn a_weight_of_zero_takes_nothing_above_its_base() {
        let mut items = [item(1, 0), item(0, 1)];
        distribute(&mut items, 5);
        assert_eq!(counts(&items), [1, 4]);
        assert_eq!(next_provider(&[item(0, 0), item(0, 0)]), None);
        assert_eq!(next_provider(&[]), None);
    }

    #[test]
    fn the_only_item_takes_everything_whatever_its_weight() {
        let mut items = [item(0, 0)];
        distribute(&mut items, 3);
        assert_eq!(counts(&items), [3]);
    }

    #[test]
    fn a_provider_whose_tasks_were_stopped_gets_the_next_ones() {
        let mut items = [StrategyItem { base: 0, weight: 1, tasks: 0 }, StrategyItem { base: 0, weight: 1, tasks: 6 }];
        distribute(&mut items, 6);
        assert_eq!(counts(&items), [6, 6]);
    }

    proptest! {
        #[test]
        fn weights_are_honoured_within_one_task_at_every_instant(
            weights in proptest::collection::vec(0_u32..=1000, 1..=20),
            with_base in any::<proptest::sample::Index>(),
            base in 0_u32..20,
        ) {
            let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            prop_assume!(total > 0);
            let mut items: Vec<_> = weights.into_iter().map(|weight| item(0, weight)).collect();
            let with_base = with_base.index(items.len());
            items[with_base].base = base;
            distribute(&mut items, base as usize);
            prop_assert_eq!(items[with_base].tasks, u64::from(base));
            for above in 1..=300_u64 {
                distribute(&mut items, 1);
                for item in &items {
                    // |tasks - share| < 1, multiplied by the sum of the weights.
                    let share = above * u64::from(item.weight);
                    let has = (item.tasks - u64::from(item.base)) * total;
                    prop_assert!(share.abs_diff(has) < total, "after {} tasks: {:?}", above, items);
                }
            }
        }

        #[test]
        fn any_counts_get_an_answer(items in proptest::collection::vec((0_u32..=100_000, 0_u32..=1000, any::<u64>()), 0..=20)) {
            let items: Vec<_> = items.into_iter().map(|(base, weight, tasks)| StrategyItem { base, weight, tasks }).collect();
            let some = items.len() == 1 || items.iter().any(|item| item.weight > 0 || item.tasks < u64::from(item.base));
            prop_assert_eq!(next_provider(&items).is_some(), some);
        }
    }
}
