import { createHash } from "node:crypto";
import type { DatabaseSpec, DeclarationProblem, SourceLocation } from "../../spec/index.ts";
import { migrationName, migrationOrphan, migrationText, migrationTwin, problemAt, topOf } from "../errors.ts";
import type { Workspace } from "./workspace.ts";

type Database = { readonly spec: DatabaseSpec; readonly at: SourceLocation };

const longestBytes = 1_048_576;
const mostOfOne = 5_000;

/**
 * `<database>/migrations/NNNN_name.sql` as a part of the database's spec: names and what they say, as hashes. A file that changes is
 * then a change of the database, with its place in plan and review. What the SQL does is looked at elsewhere (platform/migrations).
 * @param isDeclared whether a database that is not among these may be declared all the same: what is wrong with it is told already.
 */
export function withMigrations(
  { files, problems }: Pick<Workspace, "files" | "problems">,
  folder: string,
  databases: readonly Database[],
  isDeclared: (name: string) => boolean,
): Database[] {
  const byDatabase = Map.groupBy(migrationFiles(files.keys(), folder), ({ database }) => database);
  for (const [name, [first]] of byDatabase) {
    const spec = databases.find((one) => one.spec.name === name)?.spec;
    if (first === undefined || spec?.engine === "postgres" || (spec === undefined && isDeclared(name))) continue;
    const why = spec === undefined ? `the project declares no database "${name}"` : `"${name}" is no Postgres database`;
    problems.push(problemAt(migrationOrphan, topOf(first.path), why));
  }
  return databases.map(({ spec, at }) => {
    const own = byDatabase.get(spec.name) ?? [];
    if (own.length === 0 || spec.engine !== "postgres") return { spec, at };
    const read = readMigrations(files, own);
    problems.push(...read.problems);
    return { spec: { ...spec, migrations: read.migrations }, at };
  });
}

type MigrationFile = { readonly database: string; readonly path: string; readonly name: string };

/** Every file of SQL in a folder named `migrations` of a folder of the project. */
function migrationFiles(paths: Iterable<string>, folder: string): MigrationFile[] {
  return [...paths].sort().flatMap((path) => {
    if (!path.startsWith(`${folder}/`) || !/\.sql$/i.test(path)) return [];
    const [database = "", inner, ...rest] = path.slice(folder.length + 1).split("/");
    return inner === "migrations" && rest.length > 0 ? [{ database, path, name: rest.join("/") }] : [];
  });
}

/** `0001_orders.sql`. Dates are numbers too: `20261121_orders.sql`. */
const named = /^(\d{4,14})_([a-z0-9][a-z0-9_-]{0,99})\.sql$/;

function readMigrations(
  files: Workspace["files"],
  own: readonly MigrationFile[],
): { readonly migrations: Record<string, string>; readonly problems: readonly DeclarationProblem[] } {
  const migrations: Record<string, string> = {};
  const problems: DeclarationProblem[] = [];
  const numbers = new Map<number, string>();
  for (const { path, name } of own.slice(0, mostOfOne)) {
    const number = Number(named.exec(name)?.[1] ?? 0);
    const twin = numbers.get(number);
    const text = files.get(path) ?? "";
    if (number === 0) problems.push(problemAt(migrationName, topOf(path), `${JSON.stringify(name)} is no such name`));
    else if (twin !== undefined)
      problems.push(problemAt(migrationTwin, topOf(path), `${twin} has the number ${number} already`));
    problems.push(...textProblems(path, text));
    numbers.set(number, name);
    migrations[name.replace(/\.sql$/i, "")] = checksumOf(text);
  }
  const [extra] = own.slice(mostOfOne);
  if (extra !== undefined)
    problems.push(problemAt(migrationText, topOf(extra.path), `these are ${own.length} files of migrations`));
  return { migrations, problems };
}

function textProblems(path: string, text: string): DeclarationProblem[] {
  const why =
    Buffer.byteLength(text) > longestBytes
      ? "it is longer than 1 MiB"
      : text.trim() === ""
        ? "it is empty"
        : /[\0\ufffd]/.test(text)
          ? "it is not UTF-8"
          : undefined;
  const line = why === "it is not UTF-8" ? text.slice(0, text.search(/[\0\ufffd]/)).split("\n").length : 1;
  return why === undefined ? [] : [problemAt(migrationText, { file: path, line, column: 1 }, why)];
}

/** Line ends are the checkout's, not the text's. */
const checksumOf = (text: string): string => createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
