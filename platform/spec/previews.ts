import { createHash } from "node:crypto";
import { resolveBranch } from "./resolve-branch.ts";
import type { DatabaseSpec, ProjectSpec } from "./types.ts";

/** What a pull request says that wants branches of every database of the projects that it changes. */
export const previewLabel = "preview";

/**
 * The branches that a project has for one pull request, as databases: of those that its declaration names, or of all of them. They
 * stand in no file and live as long as the pull request is open. Pure.
 * @param project as it runs, not as the pull request would have it: what is copied is what is there.
 */
export function previewBranches(
  project: ProjectSpec,
  { number, labels }: { readonly number: number; readonly labels: readonly string[] },
): readonly DatabaseSpec[] {
  const siblings = project.databases.filter(({ branch }) => branch === undefined);
  const wanted = labels.includes(previewLabel) ? siblings.map(({ name }) => name) : (project.previewBranches ?? []);
  return wanted.flatMap((of) => {
    const made = resolveBranch({ name: previewName(number, of), options: { of } }, siblings);
    if (made.kind === "invalid" || made.spec.branch === undefined) return []; // not Postgres, or retired: nothing to copy
    return [{ ...made.spec, branch: { ...made.spec.branch, pull: number } }];
  });
}

const longest = 40;

function previewName(number: number, database: string): string {
  const whole = `pr-${number}-${database}`;
  if (whole.length <= longest) return whole;
  const hash = createHash("sha256").update(database).digest("hex").slice(0, 8);
  return `${whole.slice(0, longest - 9).replace(/-+$/, "")}-${hash}`;
}
