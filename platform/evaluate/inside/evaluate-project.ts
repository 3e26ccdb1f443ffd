import { posix } from "node:path";
import {
  type DatabaseSpec,
  duplicateName,
  type Engine,
  engines,
  nearest,
  type ProjectSpec,
  parentUnknown,
  resolveBranch,
  resolveDatabase,
  resolveProject,
  type SourceLocation,
  shown,
} from "../../spec/index.ts";
import { fileNameDiffers, noProjectFile, notADeclaration, problemAt, topOf } from "../errors.ts";
import { pathProblems, placeOfPath } from "../layout.ts";
import { withBuckets } from "./buckets.ts";
import { withMigrations } from "./migrations.ts";
import { optionPlace, placeProblems } from "./places.ts";
import { type FileResult, type Recorded, runFile } from "./run-file.ts";
import type { Workspace } from "./workspace.ts";

export type ProjectResult = { readonly spec: ProjectSpec; readonly sources: Record<string, SourceLocation> };

/** Every file of the project's folder, then the project as a whole. undefined when the workspace got problems. */
export async function evaluateProject(
  workspace: Workspace,
  tenant: string,
  project: string,
): Promise<ProjectResult | undefined> {
  const { files, problems } = workspace;
  const folder = `tenants/${tenant}/${project}`;
  problems.push(...pathProblems(files.keys()));
  const projectFile = `${folder}/project.ts`;
  if (!files.has(projectFile))
    problems.push(problemAt(noProjectFile, topOf(projectFile), `${folder} has no project.ts`));

  const databases: Database[] = [];
  const branches: Recorded[] = [];
  const buckets: Recorded[] = [];
  const all: FileResult[] = [];
  let own: Recorded | undefined;
  let whole = true;
  for (const file of declaringFiles(files.keys(), folder)) {
    const result = await runFile(workspace, file);
    if (workspace.broken) return undefined;
    if (result === undefined) {
      whole &&= file === projectFile;
      continue;
    }
    all.push(result);
    if (file === projectFile) own = readProject(workspace, file, result);
    else {
      databases.push(...readDatabases(workspace, file, result));
      branches.push(...result.declared.filter(({ kind }) => kind === "branch"));
      buckets.push(...result.declared.filter(({ kind }) => kind === "bucket"));
    }
  }
  const declared = withoutTwins(workspace, [...databases, ...readBranches(workspace, databases, branches)]);
  const isDeclared = (name: string): boolean => !whole || all.some((one) => declares(one, name));
  const unique = withBuckets(workspace, withMigrations(workspace, folder, declared, isDeclared), buckets);
  const resolved = resolveProject(
    tenant,
    project,
    own?.options,
    unique.map(({ spec }) => spec),
  );
  if (resolved.kind === "invalid") {
    const declaration = { name: null, at: own?.at ?? topOf(projectFile) };
    problems.push(...placeProblems(files, declaration, resolved.problems));
  }
  if (problems.length > 0 || resolved.kind === "invalid") return undefined;
  return { spec: resolved.spec, sources: Object.fromEntries(unique.map(({ spec, at }) => [spec.name, at])) };
}

type Database = { readonly spec: DatabaseSpec; readonly at: SourceLocation };

/** Whether a file declares a database or branch of that name, right or wrong. */
const declares = ({ declared }: FileResult, wanted: string): boolean =>
  declared.some(({ kind, name }) => name === wanted && (kind === "database" || kind === "branch"));

const declaringFiles = (paths: Iterable<string>, folder: string): string[] =>
  [...paths]
    .filter((path) => path.startsWith(`${folder}/`) && path.endsWith(".ts") && !path.endsWith(".d.ts"))
    .filter((path) => {
      const placed = placeOfPath(path);
      return placed?.scope === "project" && placed.declares;
    })
    .sort();

function readProject({ problems }: Workspace, file: string, { many, declared }: FileResult): Recorded | undefined {
  const [one] = declared;
  if (!many && one?.kind === "project") return one;
  problems.push(
    problemAt(
      notADeclaration,
      one?.at ?? topOf(file),
      "project.ts must export one project",
      'Write: export default project({ placement: "local" });',
    ),
  );
  return undefined;
}

function readDatabases(workspace: Workspace, file: string, { many, declared }: FileResult): Database[] {
  return declared.flatMap((one) => {
    const { files, problems } = workspace;
    const { kind, engine, name, options, at } = one;
    const isKnown = kind === "branch" || kind === "bucket" || (kind === "database" && isEngine(engine));
    if (!isKnown || typeof name !== "string") {
      problems.push(problemAt(notADeclaration, at, whatItIs(one)));
      return [];
    }
    const base = posix.basename(file, ".ts");
    if (!many && name !== base)
      problems.push(
        problemAt(
          fileNameDiffers,
          optionPlace(files, { name, at }, ["name"]),
          `the ${kind === "bucket" ? "bucket" : "database"} ${shown(name)} is declared in ${base}.ts`,
          renameHint(name, base),
        ),
      );
    // A branch or a bucket is resolved when all that it could be of is known.
    if (kind !== "database" || !isEngine(engine)) return [];
    const resolved = resolveDatabase({ engine, name, options: options ?? {} });
    if (resolved.kind === "ok") return [{ spec: resolved.spec, at }];
    problems.push(...placeProblems(files, { name, at }, resolved.problems));
    return [];
  });
}

/** Branches of the project's databases. While something else of the project is wrong, a parent that is missing may be just that. */
function readBranches(
  { files, problems }: Workspace,
  databases: readonly Database[],
  branches: readonly Recorded[],
): Database[] {
  const declared = branches.flatMap(({ name, options, at }) =>
    typeof name === "string" ? [{ name, options, at }] : [],
  );
  const names = declared.map(({ name }) => name);
  const siblings = databases.map(({ spec }) => spec);
  const whole = problems.length === 0;
  return declared.flatMap(({ at, ...one }) => {
    const resolved = resolveBranch(one, siblings, names);
    if (resolved.kind === "ok") return [{ spec: resolved.spec, at }];
    const own = resolved.problems.filter(({ code }) => whole || code !== parentUnknown.definition.code);
    problems.push(...placeProblems(files, { name: one.name, at }, own));
    return [];
  });
}

const isEngine = (engine: unknown): engine is Engine => engines.some((known) => known === engine);

function whatItIs({ kind, is, name }: Recorded): string {
  if (is !== undefined) return `the file exports ${is}, which is no declaration`;
  if (kind === "database" && typeof name !== "string") return "the database has no name";
  if (typeof kind === "string" && kind !== "database") return `${kind}() does not belong in this file`;
  return "the file exports something that is no declaration";
}

const renameHint = (name: string, base: string): string =>
  nearest(name, [base]) === undefined
    ? `Rename the file to ${name}.ts, or the database to "${base}". A new name is a new database.`
    : `Rename the file to ${name}.ts if the database exists already; else correct the name.`;

function withoutTwins({ problems }: Workspace, databases: readonly Database[]): Database[] {
  const first = new Map<string, Database>();
  for (const database of databases) {
    const twin = first.get(database.spec.name);
    if (twin === undefined) first.set(database.spec.name, database);
    else
      problems.push(
        problemAt(
          duplicateName,
          database.at,
          `the database "${database.spec.name}" is declared in ${twin.at.file}:${twin.at.line} as well`,
          "Give one of them another name, or remove it.",
        ),
      );
  }
  return [...first.values()];
}
