/** Work on a database's schema, queued for the reconciler. */
import { enqueueOperation, type Operation } from "../../platform/store/index.ts";
import type { DatabaseView } from "./databases/view.ts";
import { wrongState } from "./errors.ts";
import { operationToWire } from "./wire.ts";

export type Sql = Parameters<typeof enqueueOperation>[0];

/** @throws NEB612 unless it runs */
export function mustRun({ name, instance, project }: DatabaseView): void {
  if (instance?.phase === "Ready") return;
  throw wrongState(`${project.tenant}/${project.project}/${name} is ${instance?.phase ?? "not made yet"}, not Ready`);
}

export const enqueue = (sql: Sql, { name, project, instance }: DatabaseView, requestedBy: string, params: object) =>
  enqueueOperation(sql, {
    ...{ stack: project.stack, database: name, type: "MIGRATE", requestedBy, commit: instance?.commit ?? null },
    params: { ...params },
    deadlineSeconds: 4 * 3600,
  });

export const queued = (operation: Operation, step: "migrate" | "schema-diff") => ({
  status: 202 as const,
  body: { step, pull: null, operation: operationToWire(operation) },
  headers: { location: `/api/v1/operations/${operation.id}` },
  trail: { operation: operation.id },
});
