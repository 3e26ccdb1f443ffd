import type { FileEdits } from "../edit/index.ts";
import type { Portal } from "./portal.ts";
import { type Base, propose, readBase } from "./propose.ts";
import type { Call } from "./route.ts";

export type AskedOfTenant = {
  readonly edit: (base: Base) => FileEdits;
  readonly title: string;
  readonly why: string;
  readonly step: "change" | "delete";
  readonly autoMerge: boolean;
  readonly details: Readonly<Record<string, unknown>>;
};

/** The folder of what a tenant's projects share; no project can have this name. Operations of the whole tenant stand under it. */
const ofTenant = "shared";

/** The pull request of a change of a tenant.ts. */
export async function proposeInTenant(
  portal: Portal,
  call: Call<{ readonly tenant: string }, unknown, unknown>,
  { edit, details, ...asked }: AskedOfTenant,
) {
  const { tenant } = call.params;
  const base = await readBase(portal, tenant, ofTenant);
  const { changes } = edit(base);
  const answer = await propose(portal, call, base, { tenant, project: ofTenant, database: null, changes, ...asked });
  const trail = { ...answer.trail, tenant, project: null, details: { ...answer.trail.details, ...details } };
  return { status: 202 as const, ...answer, trail };
}
