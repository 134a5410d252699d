//! Account settings.

use std::sync::Arc;

use kecs_model::ecs::{
    DeleteAccountSettingRequest, DeleteAccountSettingResponse, ListAccountSettingsRequest, ListAccountSettingsResponse,
    PutAccountSettingDefaultRequest, PutAccountSettingDefaultResponse, PutAccountSettingRequest, PutAccountSettingResponse,
    Setting, SettingName,
};
use kecs_model::{ApiError, RequestContext};

use crate::account_settings;
use crate::engine::{Shared, account_setting_key, scope_of};
use crate::page::Page;

/// "This value can be between 1 and 10. If this parameter isn't used, then ListAccountSettings returns up to 10 results".
const PAGE: usize = 10;

pub(super) async fn put_account_setting(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: PutAccountSettingRequest,
) -> Result<PutAccountSettingResponse, ApiError> {
    let principal = principal(ctx, input.principal_arn)?;
    let setting = put(shared, ctx, input.name.as_ref(), input.value, principal).await?;
    Ok(PutAccountSettingResponse { setting: Some(setting) })
}

pub(super) async fn put_account_setting_default(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: PutAccountSettingDefaultRequest,
) -> Result<PutAccountSettingDefaultResponse, ApiError> {
    let setting = put(shared, ctx, input.name.as_ref(), input.value, account_settings::root(&scope_of(ctx))).await?;
    Ok(PutAccountSettingDefaultResponse { setting: Some(setting) })
}

async fn put(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    name: Option<&SettingName>,
    value: Option<String>,
    principal: String,
) -> Result<Setting, ApiError> {
    let definition = account_settings::find(name)?;
    let value = value.unwrap_or_default();
    definition.check(&value)?;
    shared
        .write(ctx, |world, tx| {
            world.account_settings.put(tx, definition.record(principal.clone(), value));
            Ok(definition.effective(world, &principal))
        })
        .await
}

pub(super) async fn delete_account_setting(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteAccountSettingRequest,
) -> Result<DeleteAccountSettingResponse, ApiError> {
    let principal = principal(ctx, input.principal_arn)?;
    let definition = account_settings::find(input.name.as_ref())?;
    let setting = shared
        .write(ctx, |world, tx| {
            world.account_settings.remove(tx, &account_setting_key(&principal, definition.name.as_str()));
            // The principal's own setting is gone; what holds for it now is answered in its name.
            Ok(Setting { principal_arn: Some(principal.clone()), ..definition.effective(world, &principal) })
        })
        .await?;
    Ok(DeleteAccountSettingResponse { setting: Some(setting) })
}

pub(super) async fn list_account_settings(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListAccountSettingsRequest,
) -> Result<ListAccountSettingsResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, PAGE, PAGE)?;
    let principal = principal(ctx, input.principal_arn)?;
    if let Some(name) = &input.name {
        account_settings::find(Some(name))?;
    } else if input.value.is_some() {
        // Our wording: "You must also specify an account setting name to use this parameter."
        return Err(ApiError::invalid_parameter("A name must be specified to filter by value."));
    }
    let effective = input.effective_settings == Some(true);
    Ok(shared.read(ctx, |world| {
        let settings =
            account_settings::all()
                .filter(|definition| page.after.as_deref().is_none_or(|after| definition.name.as_str() > after))
                .filter(|definition| input.name.as_ref().is_none_or(|name| *name == definition.name))
                .filter_map(|definition| {
                    if effective { Some(definition.effective(world, &principal)) } else { definition.own(world, &principal) }
                })
                .filter(|setting| input.value.is_none() || input.value == setting.value);
        let (settings, next_token) =
            page.take(settings, |setting| setting.name.as_ref().map_or("", SettingName::as_str).to_owned());
        ListAccountSettingsResponse { settings: Some(settings), next_token }
    }))
}

/// Whose settings are meant: those of the principal that is named, else the caller's.
fn principal(ctx: &RequestContext, named: Option<String>) -> Result<String, ApiError> {
    match named.filter(|arn| !arn.is_empty()) {
        Some(arn) if arn.starts_with("arn:") => Ok(arn),
        // Our wording.
        Some(arn) => Err(ApiError::invalid_parameter(format!("Invalid principalArn: {arn}"))),
        None => Ok(account_settings::caller(ctx)),
    }
}
