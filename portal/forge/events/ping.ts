import { type Context, now } from "../context.ts";
import type { Account } from "../store/accounts.ts";
import { insertDelivery } from "../store/deliveries.ts";
import type { Hook } from "../store/hooks.ts";
import type { Repository } from "../store/repositories.ts";
import { organization, simpleUser } from "../wire/account.ts";
import { hookToWire } from "../wire/hook.ts";
import { repositoryToWire } from "../wire/repository.ts";

/** The event that a new hook gets, and any hook when asked for. */
export async function ping(context: Context, repository: Repository, hook: Hook, sender: Account): Promise<void> {
  const { urls } = context;
  const payload = {
    zen: "Keep it logically awesome.",
    hook_id: hook.id,
    hook: hookToWire({ context, repository }, hook),
    repository: repositoryToWire(urls, repository),
    ...(repository.owner.type === "Organization" ? { organization: organization(urls, repository.owner) } : {}),
    sender: simpleUser(urls, sender),
  };
  await insertDelivery(context.sql, {
    ...{ hook: hook.id, repository: repository.id, installation: null, event: "ping", action: null },
    ...{ payload: JSON.stringify(payload), at: now(context) },
  });
  context.dispatcher.wake([hook.id]);
}
