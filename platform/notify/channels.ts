import { createHash } from "node:crypto";
import type { ChannelSpec, TenantSpec } from "../spec/index.ts";
import type { NotificationRow } from "../store/index.ts";

/** A channel of a tenant, by a name that stays the same for what it leads to. */
export type Channel = ChannelSpec & { readonly id: string; readonly tenant: string };

/** Changing what a channel hears of keeps what waits for it; another address is another channel. */
export function channelsOf({ tenant, notify = [] }: Pick<TenantSpec, "tenant" | "notify">): readonly Channel[] {
  const channels = notify.map((spec) => ({ ...spec, tenant, id: idOf(tenant, spec) }));
  return channels.filter(({ id }, index) => channels.findIndex((other) => other.id === id) === index);
}

function idOf(tenant: string, spec: ChannelSpec): string {
  const whereto = spec.kind === "email" ? spec.address.toLowerCase() : spec.kind === "webhook" ? spec.url : spec.secret;
  return `ch_${createHash("sha256")
    .update(JSON.stringify([tenant, spec.kind, whereto]))
    .digest("hex")
    .slice(0, 12)}`;
}

/** Whether a channel is told. What concerns the tenant as a whole concerns everybody. */
export function hears(
  channel: Channel,
  { kind, project, data }: Pick<NotificationRow, "kind" | "project" | "data">,
): boolean {
  if (kind === "notify.test") return data.channel === channel.id;
  const topic = kind.split(".")[0];
  const { about, projects } = channel;
  return (
    about.some((one) => one === topic) && (project === null || projects === undefined || projects.includes(project))
  );
}
