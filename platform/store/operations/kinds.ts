import { defineError } from "../../core/index.ts";
import type { Operation, OperationType } from "./operation.ts";

/**
 * Who brings an operation about. The one place to change when a type gets its driver: "worker" demands a handler in
 * reconciler/deploy/handlers.ts before it compiles.
 *
 * - worker: a worker of the reconciler, under the stack's lease.
 * - pull: a declaration: a pull request is opened, the operation follows it to the end of its deployment.
 * - nobody: its driver does not exist yet; asking for it is refused.
 */
type Kind = "worker" | "pull" | "nobody";

const kinds = {
  DEPLOY: "worker",
  DESTROY: "worker",
  PAUSE: "worker",
  RESUME: "worker",
  RESTART: "worker",
  ROTATE_CREDENTIALS: "worker",
  BRANCH: "worker",
  IMPORT: "worker",
  SCALE_HORIZONTAL: "pull",
  SCALE_VERTICAL: "pull",
  EXPAND_STORAGE: "pull",
  UPGRADE_VERSION: "pull",
  PULL_REQUEST: "pull",
  BACKUP: "worker",
  RESTORE: "worker",
  MIGRATE: "worker",
} as const satisfies Record<OperationType, Kind>;

type TypesOf<K extends Kind> = { [T in OperationType]: (typeof kinds)[T] extends K ? T : never }[OperationType];

/** Run by a worker. */
export type WorkerType = TypesOf<"worker">;
/** Opened as a pull request. */
export type ProposedType = TypesOf<"pull">;

const typesOf = <K extends Kind>(kind: K) =>
  (Object.keys(kinds) as OperationType[]).filter((type) => kinds[type] === kind) as TypesOf<K>[];

export const workerTypes: readonly WorkerType[] = typesOf("worker");
export const proposedTypes: readonly ProposedType[] = typesOf("pull");

export const isProposed = ({ type }: Pick<Operation, "type">): boolean => kinds[type] === "pull";

export const operationUnavailable = defineError({
  code: "NEB329",
  status: 501,
  title: "Operation not available yet",
  retry: false,
  hint: "This release has no driver for it; docs/operations.md lists what can be asked for.",
});

/** @throws NEB329 */
export function mustBeAvailable(type: OperationType): void {
  if ((kinds[type] as Kind) === "nobody") throw operationUnavailable(`${type} has no driver in this release`);
}
