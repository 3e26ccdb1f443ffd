import { type DatabaseSpec, type ProjectSpec, previewBranches } from "../../platform/spec/index.ts";
import type { PreviewWish } from "../../platform/store/index.ts";

/** A branch of a pull request, as the ledger knows it. */
export type Existing = { readonly id: string; readonly stack: string; readonly database: string };

export type PreviewChange =
  | { readonly kind: "open"; readonly stack: string; readonly database: string; readonly spec: DatabaseSpec }
  | { readonly kind: "close"; readonly stack: string; readonly database: string };

/**
 * What makes the branches of pull requests those that are wanted. Pure.
 * @param running what was deployed of each stack. A stack that is not there has nothing to copy.
 */
export function previewChanges(
  pulls: readonly PreviewWish[],
  running: ReadonlyMap<string, ProjectSpec>,
  existing: readonly Existing[],
): readonly PreviewChange[] {
  const wanted = new Map<string, { readonly stack: string; readonly spec: DatabaseSpec }>(
    pulls.flatMap((pull) =>
      pull.stacks.flatMap((stack) => {
        const project = running.get(stack);
        if (project === undefined) return [];
        // A file may have taken the name: what is declared is the file's.
        const taken = new Set(project.databases.map(({ name }) => name));
        const specs = previewBranches(project, pull).filter(({ name }) => !taken.has(name));
        return specs.map((spec) => [`${stack}.${spec.name}`, { stack, spec }] as const);
      }),
    ),
  );
  const known = new Set(existing.map(({ id }) => id));
  const open = [...wanted]
    .filter(([id]) => !known.has(id))
    .map(([, one]) => ({ kind: "open", database: one.spec.name, ...one }) as const);
  const close = existing
    .filter(({ id }) => !wanted.has(id))
    .map(({ stack, database }) => ({ kind: "close", stack, database }) as const);
  return [...close, ...open];
}
