import type { Sql } from "../../../platform/sql/index.ts";
import { type Context, now } from "../context.ts";
import type { Account } from "../store/accounts.ts";
import { insertDelivery } from "../store/deliveries.ts";
import { findSubscribers } from "../store/hooks.ts";
import type { Repository } from "../store/repositories.ts";
import { organization, simpleUser } from "../wire/account.ts";
import { repositoryToWire } from "../wire/repository.ts";
import { nodeId } from "../wire/values.ts";

export type EventName =
  | "push"
  | "pull_request"
  | "pull_request_review"
  | "status"
  | "check_run"
  | "issue_comment"
  | "deployment"
  | "deployment_status";

export type ForgeEvent = {
  readonly name: EventName;
  readonly action: string | null;
  readonly repository: Repository;
  readonly sender: Account;
  /** What is particular to the event. Called only when somebody listens. */
  readonly build: (sql: Sql) => Promise<Record<string, unknown>> | Record<string, unknown>;
};

export type Emit = (event: ForgeEvent) => Promise<void>;

/**
 * A transaction whose events become deliveries with it: all or none. The hooks are woken after the commit.
 */
export async function withEvents<T>(context: Context, body: (sql: Sql, emit: Emit) => Promise<T>): Promise<T> {
  const hooks = new Set<number>();
  const result = await context.sql.tx((tx) =>
    body(tx, async (event) => {
      let built: Record<string, unknown> | undefined;
      for (const subscriber of await findSubscribers(tx, event.repository, event.name)) {
        built ??= await event.build(tx);
        const payload = {
          ...(event.action === null ? {} : { action: event.action }),
          ...built,
          ...frame(context, event, subscriber.installation),
        };
        await insertDelivery(tx, {
          ...{ hook: subscriber.hook, repository: event.repository.id, installation: subscriber.installation },
          ...{ event: event.name, action: event.action, payload: JSON.stringify(payload), at: now(context) },
        });
        hooks.add(subscriber.hook);
      }
    }),
  );
  context.dispatcher.wake(hooks);
  return result;
}

/** What every payload carries. */
function frame({ urls }: Context, { repository, sender, name }: ForgeEvent, installation: number | null) {
  const wire = repositoryToWire(urls, repository);
  const seconds = (at: Date) => Math.floor(at.getTime() / 1000);
  return {
    // A push writes these two as seconds, every other event as text.
    repository:
      name === "push"
        ? { ...wire, created_at: seconds(repository.createdAt), pushed_at: seconds(repository.pushedAt) }
        : wire,
    ...(repository.owner.type === "Organization" ? { organization: organization(urls, repository.owner) } : {}),
    sender: simpleUser(urls, sender),
    ...(installation === null
      ? {}
      : { installation: { id: installation, node_id: nodeId("IntegrationInstallation", installation) } }),
  };
}
