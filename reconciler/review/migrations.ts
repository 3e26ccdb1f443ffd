import type { Advice } from "../../platform/advise/index.ts";
import { asNebulaError } from "../../platform/core/index.ts";
import type { Git } from "../../platform/git/index.ts";
import {
  inOrder,
  type LintFinding,
  lint,
  type Migration,
  migrationChanged,
  migrationOutOfOrder,
  migrationUnsafe,
  numberOf,
  type Rehearsal,
  readMigration,
  refusing,
} from "../../platform/migrations/index.ts";
import { type DatabaseId, type DatabaseSpec, type DeclarationProblem, databaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { type DatabaseSchema, getInstance, listSchemas, putMigrationTexts } from "../../platform/store/index.ts";
import { readFiles, type Snapshot } from "../source/index.ts";
import type { Touched } from "./projects.ts";

/** What a pull request's new migrations of one database would do. */
export type MigrationReview = {
  readonly database: string;
  /** Those that have not run, in order. */
  readonly files: readonly string[];
  /** Every file with the hash of what it says, as the merge would have it. */
  readonly declared: Readonly<Record<string, string>>;
  readonly findings: readonly LintFinding[];
  /** null: it could not be rehearsed, or there was no use in it. */
  readonly rehearsal: Rehearsal | null;
  /** What is amiss in the schema afterwards and was not before. Absent: nobody looked. */
  readonly advice?: readonly Advice[];
  /** On what it was rehearsed, or why it was not. */
  readonly on: string;
};

/** A database to be tried on, for as long as a rehearsal takes. */
export type Rehearser = (
  wanted: {
    readonly id: DatabaseId;
    /** Whose copy; null: an empty one. */
    readonly of: DatabaseId | null;
    readonly spec: DatabaseSpec;
    readonly migrations: readonly Migration[];
  },
  signal: AbortSignal,
) => Promise<
  | { readonly kind: "done"; readonly rehearsal: Rehearsal; readonly advice?: readonly Advice[] }
  | { readonly kind: "skipped"; readonly why: string }
>;

export type MigrationFindings = {
  readonly reviews: ReadonlyMap<string, readonly MigrationReview[]>;
  readonly problems: readonly DeclarationProblem[];
};

type Parts = { readonly sql: Sql; readonly rehearse?: Rehearser };

/** New text that one pull request may bring: it is parsed here. */
const mostBytes = 4_000_000;

/** Reads, judges and rehearses what has not run of every database whose files a change touches. */
export async function reviewMigrations(
  parts: Parts,
  git: Git,
  head: Snapshot,
  touched: readonly Touched[],
  signal: AbortSignal,
): Promise<MigrationFindings> {
  const reviews = new Map<string, readonly MigrationReview[]>();
  const problems: DeclarationProblem[] = [];
  for (const one of touched) {
    if (one.after?.kind !== "ok") continue;
    const before = new Map((one.before?.databases ?? []).map((spec) => [spec.name, spec]));
    const changed = one.after.spec.databases.filter((spec) => changesFiles(before.get(spec.name), spec));
    if (changed.length === 0) continue;
    const schemas = new Map((await listSchemas(parts.sql, one.stack)).map((schema) => [schema.instance, schema]));
    const found: MigrationReview[] = [];
    for (const spec of changed) {
      signal.throwIfAborted();
      const schema = schemas.get(`${one.stack}.${spec.name}`);
      const reviewed = await reviewDatabase(parts, git, head, { ...one, spec, schema }, signal);
      problems.push(...reviewed.problems);
      if (reviewed.review !== undefined) found.push(reviewed.review);
    }
    reviews.set(one.stack, found);
  }
  return { reviews, problems };
}

const changesFiles = (before: DatabaseSpec | undefined, after: DatabaseSpec): boolean =>
  JSON.stringify(Object.entries(before?.migrations ?? {}).sort()) !==
  JSON.stringify(Object.entries(after.migrations ?? {}).sort());

type One = Pick<Touched, "tenant" | "project"> & {
  readonly spec: DatabaseSpec;
  readonly schema: DatabaseSchema | undefined;
};
type Reviewed = { readonly review?: MigrationReview; readonly problems: readonly DeclarationProblem[] };

async function reviewDatabase(
  parts: Parts,
  git: Git,
  head: Snapshot,
  one: One,
  signal: AbortSignal,
): Promise<Reviewed> {
  const { tenant, project, spec, schema } = one;
  const pathOf = (file: string) => `tenants/${tenant}/${project}/${spec.name}/migrations/${file}.sql`;
  const late = recordProblems(spec.migrations ?? {}, schema, pathOf);
  if (late.length > 0) return { problems: late };
  const missing = Object.keys(spec.migrations ?? {}).filter((file) => schema?.applied[file] === undefined);
  const texts = await readFiles(git, head, missing.map(pathOf));
  const size = [...texts.values()].reduce((sum, text) => sum + text.length, 0);
  if (size > mostBytes)
    return {
      problems: [
        problem(
          migrationUnsafe,
          pathOf(missing[0] ?? ""),
          `${size} characters of new migrations are too many for one pull request`,
        ),
      ],
    };
  const migrations = inOrder(
    await Promise.all(
      missing.map((file) => readMigration({ file, path: pathOf(file), text: texts.get(pathOf(file)) ?? "" })),
    ),
  );
  const unreadable = migrations.flatMap((migration) => migration.problems);
  if (unreadable.length > 0) return { problems: unreadable };
  const judged = lint(migrations);
  const about = {
    database: spec.name,
    files: migrations.map(({ file }) => file),
    declared: spec.migrations ?? {},
    findings: judged,
  };
  // For the branch of this pull request, which may run them before they are merged.
  await putMigrationTexts(
    parts.sql,
    new Map(migrations.map(({ checksum, path }) => [checksum, texts.get(path) ?? ""])),
  );
  if (migrations.length === 0)
    return { review: { ...about, rehearsal: null, on: "every file ran already" }, problems: [] };
  const { rehearsal, ...tried } = await tryOut(parts, one, migrations, signal);
  const adopted = new Set((rehearsal?.files ?? []).filter((file) => file.adopted).map(({ path }) => path));
  const findings = judged.map((one) => (adopted.has(one.path) ? { ...one, allowed: "it is there already" } : one));
  const problems = refusing(findings).map(toProblem);
  const failed = rehearsal?.problem ?? null;
  return {
    review: { ...about, findings, rehearsal, ...tried },
    problems: failed === null ? problems : [...problems, failed],
  };
}

/** What ran stands; what is new comes after it. By what the ledger knows; the rehearsal asks the database itself. */
function recordProblems(
  declared: Readonly<Record<string, string>>,
  schema: DatabaseSchema | undefined,
  pathOf: (file: string) => string,
): readonly DeclarationProblem[] {
  const applied = Object.entries(schema?.applied ?? {}).filter(([file]) => numberOf(file) > 0);
  const last = applied.toSorted(([a], [b]) => numberOf(a) - numberOf(b)).at(-1)?.[0] ?? "";
  const changed = applied.flatMap(([file, { checksum, at }]) => {
    const now = declared[file];
    if (now === checksum) return [];
    const what = now === undefined ? "it is gone" : "it says something else";
    return [problem(migrationChanged, pathOf(file), `it ran at ${at}, and now ${what}`)];
  });
  const late = Object.keys(declared)
    .filter((file) => schema?.applied[file] === undefined && numberOf(file) <= numberOf(last))
    .map((file) =>
      problem(migrationOutOfOrder, pathOf(file), `${last} ran already: the next free number is ${nextAfter(last)}`),
    );
  return [...changed, ...late];
}

const nextAfter = (file: string): string => String(numberOf(file) + 1).padStart(4, "0");

function problem({ definition }: typeof migrationChanged, file: string, message: string): DeclarationProblem {
  return { file, line: 1, column: 1, code: definition.code, message, hint: definition.hint };
}

const toProblem = ({ id, path, line, column, message, hint }: LintFinding): DeclarationProblem => ({
  ...{ file: path, line, column, code: migrationUnsafe.definition.code },
  message: `${id}: it ${message}`,
  hint: `${hint} Or write above it: -- nebula: allow ${id} because <reason>`,
});

/** On a copy of what runs; of its parent for a branch that is new; on an empty database else. */
async function tryOut(
  { sql, rehearse }: Parts,
  { tenant, project, spec }: One,
  migrations: readonly Migration[],
  signal: AbortSignal,
): Promise<Pick<MigrationReview, "rehearsal" | "on" | "advice">> {
  if (rehearse === undefined) return { rehearsal: null, on: "nothing is rehearsed here" };
  const id = databaseId(tenant, project, spec.name);
  const there = async (one: DatabaseId) => ((await getInstance(sql, one))?.phase === "Ready" ? one : null);
  const parent = spec.branch === undefined ? null : databaseId(tenant, project, spec.branch.of);
  const of = (await there(id)) ?? (parent === null ? null : await there(parent));
  try {
    const tried = await rehearse({ id, of, spec, migrations }, signal);
    if (tried.kind === "skipped") return { rehearsal: null, on: tried.why };
    const { rehearsal, advice } = tried;
    return {
      rehearsal,
      ...(advice === undefined ? {} : { advice }),
      on: of === null ? "an empty database" : `a copy of ${of}`,
    };
  } catch (thrown) {
    signal.throwIfAborted();
    return { rehearsal: null, on: `not rehearsed: ${asNebulaError(thrown).message}` };
  }
}
