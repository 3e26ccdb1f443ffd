import { databaseHeld } from "../../../platform/spending/index.ts";
import {
  enqueueOperation,
  holdOver,
  type InstanceRecordPhase,
  mustBeAvailable,
  type OperationType,
} from "../../../platform/store/index.ts";
import { wrongState } from "../errors.ts";
import { json, route } from "../route.ts";
import { change } from "../schemas.ts";
import { operationToWire } from "../wire.ts";
import { inDatabase, member } from "./read.ts";
import { databaseParams } from "./schemas.ts";
import { findView } from "./view.ts";

type Act = {
  readonly step: "pause" | "resume" | "restart" | "rotate";
  readonly type: OperationType;
  readonly from: InstanceRecordPhase;
  readonly summary: string;
};

/** What acts at once, without a commit: the declaration stays as it is. */
const acts: readonly Act[] = [
  { step: "pause", type: "PAUSE", from: "Ready", summary: "Stop a database and keep its data; only storage is billed" },
  { step: "resume", type: "RESUME", from: "Paused", summary: "Start a paused database again" },
  { step: "restart", type: "RESTART", from: "Ready", summary: "Stop and start a database's server; connections end" },
  {
    step: "rotate",
    type: "ROTATE_CREDENTIALS",
    from: "Ready",
    summary: "Give the owner and every role that logs in a new password; the old ones end",
  },
];

export const databaseActs = acts.map(({ step, type, from, summary }) =>
  route({
    method: "post",
    path: `${member}/${step}`,
    operationId: `databases.${step}`,
    scope: "databases:run",
    target: inDatabase,
    atomic: true,
    summary,
    params: databaseParams,
    replies: { 202: json("Queued", change, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project, database } }, portal) => {
    mustBeAvailable(type);
    const { instance, project: row } = await findView(portal, domain, project, database);
    if (instance?.phase !== from)
      throw wrongState(`${domain}/${project}/${database} is ${instance?.phase ?? "not made yet"}, not ${from}`);
    const hold = step === "resume" ? await holdOver(portal.sql, domain, project) : undefined;
    if (hold !== undefined)
      throw databaseHeld(`${domain}/${project} is held since ${hold.since.toISOString()}: ${hold.reason}`);
    const operation = await enqueueOperation(portal.sql, {
      stack: row.stack,
      type,
      database,
      requestedBy: principal.user,
    });
    return {
      status: 202,
      body: { step, pull: null, operation: operationToWire(operation) },
      headers: { location: `/api/v1/operations/${operation.id}` },
      trail: { operation: operation.id },
    };
  }),
);
