import type { OptionPath } from "../../platform/syntax/index.ts";
import { alreadyDeclared, editFailed, notDeclared } from "./errors.ts";
import { parseLiteral } from "./literal.ts";
import { editsOf, fileOfTenant, locate, remove, set, type TenantFile } from "./tenant-file.ts";
import type { FileEdits, FileSet, Json } from "./types.ts";

export type BudgetPlace = {
  readonly tenant: string;
  /** null: the whole tenant. */
  readonly project: string | null;
};

/** Left out: as it is, or the default. */
export type BudgetEdit = BudgetPlace & {
  readonly monthly: string;
  readonly alerts?: readonly number[];
  readonly atCap?: "tell" | "suspend";
};

/**
 * Gives a tenant or a project a budget, or changes the one it has. The rest of tenant.ts stays byte for byte.
 * @throws NEB641 when it says that already, NEB642 to NEB645 with the place and the reason.
 */
export function putBudget(files: FileSet, { tenant, project, ...wanted }: BudgetEdit): FileEdits {
  const at = budgetsIn(files, tenant);
  const held = projectsOf(files, at);
  const index = held.indexOf(project);
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined) as [string, Json][];
  const next =
    index < 0
      ? set(files, at, ["budgets", held.length], {
          ...(project === null ? {} : { project }),
          ...Object.fromEntries(given),
        })
      : given.reduce((text, [key, value]) => change(text, at, ["budgets", index, key], value), files);
  if (next === files) throw alreadyDeclared(`${nameOf(tenant, project)} has that budget already, in ${at.file}`);
  if (!projectsOf(next, at).includes(project)) throw editFailed(`the budget did not read back from ${at.file}`);
  return editsOf(files, next, at.file);
}

/** @throws NEB642 when there is none, NEB643 to NEB645 with the place and the reason. */
export function removeBudget(files: FileSet, { tenant, project }: BudgetPlace): FileEdits {
  const at = budgetsIn(files, tenant);
  const held = projectsOf(files, at);
  const index = held.indexOf(project);
  if (index < 0) throw notDeclared(`${nameOf(tenant, project)} has no budget in ${at.file}`);
  const next = remove(files, at, ["budgets", index]);
  if (projectsOf(next, at).length !== held.length - 1)
    throw editFailed(`the budget could not be removed from ${at.file}`);
  return editsOf(files, next, at.file);
}

const budgetsIn = (files: FileSet, tenant: string): TenantFile => ({
  file: fileOfTenant(files, tenant),
  what: "budgets",
});
const nameOf = (tenant: string, project: string | null): string => (project === null ? tenant : `${tenant}/${project}`);

/** Whose they are, in the order of the file. */
function projectsOf(files: FileSet, at: TenantFile): (string | null)[] {
  const projects: (string | null)[] = [];
  while (locate(files, at, ["budgets", projects.length]) !== undefined) {
    const text = locate(files, at, ["budgets", projects.length, "project"]);
    const project = text === undefined ? null : parseLiteral(text);
    if (project !== null && typeof project !== "string")
      throw notDeclared(`${at.file}: budget ${projects.length + 1} names no project`);
    projects.push(project);
  }
  return projects;
}

/** What it says already is left as it is written: `"200"`, `200` and `"200.00"` are one amount. */
function change(files: FileSet, at: TenantFile, path: OptionPath, value: Json): FileSet {
  const text = locate(files, at, path);
  const before = text === undefined ? undefined : parseLiteral(text);
  const isSame = Array.isArray(value)
    ? text !== undefined && text.replaceAll(/\s/g, "") === JSON.stringify(value)
    : before !== undefined && (before === value || (path.at(-1) === "monthly" && Number(before) === Number(value)));
  return isSame ? files : set(files, at, path, value);
}
