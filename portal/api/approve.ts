import { z } from "zod";
import {
  appendEvent,
  enqueueOperation,
  getOperation,
  getProject,
  isEnded,
  listNewestDeploys,
  type Operation,
  recordApproval,
  recordStatus,
} from "../../platform/store/index.ts";
import { wrongState } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { absent, demand, ownTenants } from "./reach.ts";
import { json, route } from "./route.ts";
import { operation } from "./schemas.ts";
import { operationToWire, splitStack } from "./wire.ts";

const params = z.strictObject({ id: z.string().regex(/^op_[0-9a-z]{26}$/, "is not an operation's id") });

export const approveRoutes = [
  route({
    method: "post",
    path: "/api/v1/operations/{id}/approve",
    operationId: "operations.approve",
    scope: "pulls:merge",
    target: "found",
    summary: "Approve the plan of a blocked deployment",
    description:
      "For a deployment that was stopped because its plan is not what was reviewed (NEB311), or deletes more than one commit may " +
      "(NEB218). Approves exactly that plan, by its hash: the deployment is queued again, and stopped again when the plan is " +
      "another one by then.",
    params,
    body: z.strictObject({
      planHash: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional()
        .describe("Approve only this plan. Default: the one that was stopped."),
    }),
    replies: { 202: json("The new operation", operation, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { id }, body }, portal) => {
    const row = await getOperation(portal.sql, id, ownTenants(principal));
    if (row === undefined) throw absent();
    const at = splitStack(row.stack);
    demand(principal, "pulls:merge", { ...at, database: null });
    const planHash = plannedIn(row);
    if (body.planHash !== undefined && body.planHash !== planHash)
      throw wrongState(
        `operation ${id} was stopped with plan ${planHash.slice(0, 12)}, not ${body.planHash.slice(0, 12)}`,
      );
    const queued = await requeue(portal, row, planHash, principal.user);
    return {
      status: 202,
      body: operationToWire(queued),
      headers: { location: `/api/v1/operations/${queued.id}` },
      trail: {
        ...at,
        operation: queued.id,
        ...(row.commit === null ? {} : { commit: row.commit }),
        details: { approved: id, planHash, code: row.error?.code ?? null },
      },
    };
  }),
];

/** @throws NEB612 when the operation was not stopped, or for a reason that nobody can overrule. */
function plannedIn(row: Operation): string {
  const planHash = row.error?.planHash;
  if (isEnded(row) && row.outcome === "blocked" && typeof planHash === "string") return planHash;
  throw wrongState(
    row.outcome === "blocked"
      ? `operation ${row.id} was stopped by ${row.error?.code ?? "a rule"}, which an approval does not lift`
      : `operation ${row.id} is not blocked`,
  );
}

const requeue = ({ sql }: Portal, row: Operation, planHash: string, user: string): Promise<Operation> =>
  sql.tx(async (tx) => {
    const { stack, commit, pullNumber } = row;
    const [newest] = await listNewestDeploys(tx, [stack]);
    const project = await getProject(tx, stack);
    if (newest?.id !== row.id || project?.wantedHash == null)
      throw wrongState(`operation ${row.id} is not the newest deployment of ${stack} any more`, {
        hint: "Approve the newest one: `nebula ops list`.",
      });
    await recordApproval(tx, { stack, planHash, operation: row.id, commit, approvedBy: user });
    const queued = await enqueueOperation(tx, {
      ...{ stack, commit, pullNumber, type: "DEPLOY", requestedBy: user },
      params: { ...row.params, hash: project.wantedHash, approved: planHash },
    });
    const message = `${user} approved plan ${planHash.slice(0, 12)} of ${row.id}`;
    await appendEvent(tx, queued.id, { phase: "approved", message, data: { planHash, stopped: row.id } });
    await recordStatus(tx, stack, { status: "Reconciling", reason: "Queued" });
    return queued;
  });
