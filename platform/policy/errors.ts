import { defineError, type Fault } from "../core/index.ts";

const refused = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 422, title, retry: false, hint });

export const quotaExceeded = defineError({
  code: "NEB200",
  status: 422,
  title: "Quota exceeded",
  retry: false,
  hint: "Ask for less, retire what is not needed, or have a Platform Admin grant more in tenants/fleet/ and merge that first.",
});
export const tagMissing = refused("NEB201", "Required tag missing", "Add the tag to the database's `tags`.");
export const extensionNotAllowed = refused(
  "NEB202",
  "Extension not allowed",
  "Leave it out, or have a Platform Admin allow it in tenants/fleet/ and merge that first.",
);
export const tooManyUnits = refused(
  "NEB203",
  "More compute units than a database may have",
  "Lower `compute.max`, or have a Platform Admin raise the limit in tenants/fleet/.",
);
export const retentionTooShort = refused(
  "NEB204",
  "Backups are kept too short",
  "Raise `backups.retention` to the fleet's minimum.",
);
export const publicNetwork = refused(
  "NEB205",
  "Open to the whole internet",
  "Name the networks that need access in `allowFrom`; the fleet's policy forbids public ones.",
);
export const engineNotOffered = refused(
  "NEB206",
  "Engine not offered by the placement",
  "Choose an engine that the placement offers, or another placement in project.ts.",
);
export const topologyNotOffered = refused(
  "NEB207",
  "Instances not offered by the placement",
  "Leave `instances` out: this placement has one primary for each database. `replicas` gives a Postgres database standbys.",
);
export const deletedWithoutRetire = refused(
  "NEB208",
  "Database deleted without being retired",
  "Put its declaration back with `retire: true` and merge that; its deletion can be merged afterwards.",
);
export const databaseMoved = refused(
  "NEB209",
  "Database moved to another project",
  "A database's identity is tenant.project.name for ever. Put it back; to move data, create the new one, copy, then retire the old one.",
);
export const projectDeleted = refused(
  "NEB210",
  "Project deleted while it has databases",
  "Put the folder back, retire each database and merge that; the folder can be deleted afterwards.",
);
export const graceNotOver = refused(
  "NEB217",
  "Deleted before its grace time is over",
  "It is checked again by itself when the time is over. The fleet's `retireGrace` says how long a database stays retired.",
);
export const pruneBudgetExceeded = refused(
  "NEB218",
  "Deletes more than one commit may",
  "It waits for an approval: `nebula ops approve`. The fleet's `prune` says how much passes without one.",
);
export const unreachableNetwork = refused(
  "NEB219",
  "Allow-list beyond a gateway that listens on its machine only",
  "Whoever runs NebulaDB sets NEBULA_GATEWAY_HOST to an address that these networks reach, and starts it again.",
);
export const dataApiNotAllowed = refused(
  "NEB775",
  "Data API not allowed",
  "Take `api` out of the declaration, or `anonymous` where only strangers are the problem; or ask a Platform Admin to change `dataApi` in the fleet's policies.",
);
export const placementNotOffered = refused(
  "NEB211",
  "No provider for the placement and region",
  "Choose a placement and region that a provider in tenants/fleet/ offers.",
);
