import type { StackName } from "../../platform/spec/index.ts";
import type { ProjectRow } from "../../platform/store/index.ts";
import type { DeclaredProject } from "./snapshot.ts";

export type Known = Pick<ProjectRow, "stack" | "wantedTree" | "status" | "reason">;

export type Changes = {
  /** New, or their inputs differ from what was last understood. Sorted by stack. */
  readonly changed: readonly DeclaredProject[];
  /** Known, and gone from the tree. */
  readonly missing: readonly StackName[];
};

/** Refused for reasons outside their own text: a new fleet, or what runs by now, may allow them. They are looked at each pass. */
const liftable: readonly string[] = ["FleetUnusable", "Refused", "DeclarationMissing"];

/** What a commit changes, by content. Pure and linear in the number of projects; texts are read only of what it returns. */
export function compareProjects(inputs: ReadonlyMap<StackName, DeclaredProject>, known: readonly Known[]): Changes {
  const rows = new Map(known.map((row) => [row.stack, row]));
  const isChanged = ({ stack, treeHash }: DeclaredProject): boolean => {
    const row = rows.get(stack);
    if (row === undefined || row.wantedTree !== treeHash) return true;
    return row.status === "Stalled" && liftable.includes(row.reason);
  };
  return {
    changed: [...inputs.values()].filter(isChanged).sort((a, b) => (a.stack < b.stack ? -1 : 1)),
    missing: known.map(({ stack }) => stack).filter((stack) => !inputs.has(stack)),
  };
}
