/**
 * Dumps made by somebody who wants a program to run on our machine when they are restored. Each tries to make a file; the oracle is
 * whether it is there.
 */
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { NebulaError } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { type BackupGround, makeBackupGround } from "../backup/ground.ts";
import { asTenant, pgBin, wish } from "../compute/ground.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const run = promisify(execFile);

type Poison = {
  readonly name: string;
  /** Writes the dump. */
  make(place: Place): Promise<void>;
};
type Place = { readonly file: string; readonly canary: string; readonly source: TestDatabase; readonly n: number };

/** A plain dump, as `pg_dump` writes it by default, with a line for psql in it. */
const plain = (name: string, line: (canary: string) => string): Poison => ({
  name: `plain: ${name}`,
  make: async ({ file, canary }) =>
    writeFileSync(
      file,
      `--\n-- PostgreSQL database dump\n--\n\nset client_encoding = 'UTF8';\n${line(canary)}\nselect 1;\n`,
    ),
});

/** A custom dump of an honest table, in whose table of contents one statement was replaced by another of the same length. */
const patched = (name: string, statement: (canary: string) => string): Poison => ({
  name: `custom: ${name}`,
  make: async ({ file, canary, source, n }) => {
    const text = statement(canary);
    const honest = `COMMENT ON TABLE public.honest${n} IS '`;
    const padding = "x".repeat(Math.max(0, text.length - honest.length) + 20);
    await connectOnce(source.url, async (sql) => {
      await sql.query(`create table public.honest${n} (a int)`);
      await sql.query(`comment on table public.honest${n} is '${padding}'`);
    });
    await run(join(pgBin(), "pg_dump"), [
      "--format=custom",
      "--compress=none",
      "--table",
      `honest${n}`,
      "--file",
      file,
      source.url.reveal(),
    ]);
    const whole = `${honest}${padding}';`;
    const bytes = readFileSync(file);
    const at = bytes.indexOf(whole);
    if (at < 0) throw new Error("the statement to be replaced is not in the dump");
    bytes.write(`${text};`.padEnd(whole.length, " "), at, "latin1");
    writeFileSync(file, bytes);
  },
});

/** A custom dump of something that runs what it holds when it is restored. */
const living = (name: string, statements: (n: number, canary: string) => readonly string[]): Poison => ({
  name: `custom: ${name}`,
  make: async ({ file, canary, source, n }) => {
    await connectOnce(source.url, async (sql) => {
      await sql.query(`create schema evil${n}`);
      for (const text of statements(n, canary)) await sql.query(text);
    });
    await run(join(pgBin(), "pg_dump"), [
      "--format=custom",
      "--schema",
      `evil${n}`,
      "--file",
      file,
      source.url.reveal(),
    ]);
  },
});

const touch = (canary: string) => `touch ${canary}`;

const poisons: readonly Poison[] = [
  plain("a command of psql", (canary) => `\\! ${touch(canary)}`),
  plain("a file that is a program", (canary) => `\\copy (select 1) to program '${touch(canary)}'`),
  plain("output into a program", (canary) => `select 1 \\g | ${touch(canary)}`),
  plain("a variable from a program", (canary) => `\\set x \`${touch(canary)}\``),
  plain("the program's output", (canary) => `\\o | ${touch(canary)}`),
  plain("a name with a line of its own", (canary) => `-- Name: t\n\\! ${touch(canary)}\n; Type: TABLE`),
  {
    name: "packed plain dump",
    make: async ({ file, canary }) => writeFileSync(file, gzipSync(`\\! ${touch(canary)}\n`)),
  },
  {
    name: "tar format",
    make: async ({ file, canary, source, n }) => {
      await connectOnce(source.url, (sql) => sql.query(`create table public.tar${n} (a int)`));
      const folder = `${file}.d`;
      mkdirSync(folder);
      writeFileSync(join(folder, "restore.sql"), `\\! ${touch(canary)}\n`);
      writeFileSync(join(folder, "toc.dat"), "PGDMP");
      await run("tar", ["-cf", file, "-C", folder, "restore.sql", "toc.dat"]);
    },
  },
  {
    name: "the magic of a custom dump before a plain one",
    make: async ({ file, canary }) =>
      writeFileSync(file, `PGDMP\x01\x10\x00\x04\x08\x01\n\\! ${touch(canary)}\n`, "latin1"),
  },
  {
    name: "folder format",
    make: async ({ file, canary }) => {
      mkdirSync(file);
      writeFileSync(join(file, "toc.dat"), `PGDMP\n\\! ${touch(canary)}\n`);
    },
  },
  patched("copy to a program", (canary) => `COPY (SELECT 1) TO PROGRAM '${touch(canary)}'`),
  patched("copy from a program", (canary) => `CREATE TABLE p(a text); COPY p FROM PROGRAM '${touch(canary)}'`),
  patched("copy to a file", (canary) => `COPY (SELECT 1) TO '${canary}'`),
  patched("the archive's own command", (canary) => `ALTER SYSTEM SET archive_command = '${touch(canary)}'`),
  patched("an untrusted language", (canary) => `CREATE EXTENSION plpython3u; DO $$ # ${canary} $$ LANGUAGE plpython3u`),
  patched("a large object into a file", (canary) => `SELECT lo_export(lo_from_bytea(0, 'x'), '${canary}')`),
  patched("a function of a library", (canary) => `CREATE FUNCTION f() RETURNS int AS '${canary}.so', 'f' LANGUAGE C`),
  patched("another role's rights", (canary) => `SET ROLE nebula_admin; COPY (SELECT 1) TO PROGRAM '${touch(canary)}'`),
  living("a view that is filled by a program", (n, canary) => [
    `create function evil${n}.f() returns int language plpgsql as $$ begin copy (select 1) to program '${touch(canary)}'; return 1; end $$`,
    `create materialized view evil${n}.v as select evil${n}.f() with no data`,
    `update pg_class set relispopulated = true where relname = 'v' and relnamespace = 'evil${n}'::regnamespace`,
  ]),
  living("names with lines of their own", (n, canary) => [
    `create table evil${n}."t\n\\! ${touch(canary)}\n" (a int)`,
    `comment on table evil${n}."t\n\\! ${touch(canary)}\n" is E'c\n\\\\! ${touch(canary)}\n'`,
  ]),
];

async function trial(
  { backups, driver }: BackupGround,
  wanted: InstanceWanted,
  { file, guarded }: { readonly file: string; readonly guarded: boolean },
): Promise<string> {
  try {
    if (guarded) await backups.importDump({ id: wanted.id, file, ownerPassword: wanted.ownerPassword });
    else {
      // what a restore by hand does: psql, whatever it is
      const { args } = await driver.machinery.address(wanted.id);
      const address = args.map((arg, i) => (args[i - 1] === "--username" ? wanted.ownerRole : arg));
      const env = { PATH: process.env.PATH, PGPASSWORD: wanted.ownerPassword.reveal() };
      await run(join(pgBin(), "psql"), ["--no-psqlrc", ...address, "-d", wanted.databaseName, "-f", file], { env });
    }
    return "restored";
  } catch (thrown) {
    return thrown instanceof NebulaError ? thrown.code : "failed";
  }
}

async function rowRun({ n, random, guarded }: RowInput): Promise<Trials> {
  const [ground, source] = await Promise.all([makeBackupGround(), testDatabase({ empty: true })]);
  const home = mkdtempSync(join(tmpdir(), "ndb-poison-"));
  chmodSync(home, 0o777); // whoever runs the program could make the file
  const violations: string[] = [];
  const endings = new Map<string, number>();
  try {
    const wanted = await wish();
    await ground.driver.ensure(wanted);
    const order = guarded ? poisons : random.shuffle(poisons);
    for (let i = 0; i < n; i++) {
      const poison = order[i % order.length];
      if (poison === undefined) break;
      const place = { file: join(home, `dump${i}`), canary: join(home, `canary${i}`), source, n: i };
      await poison.make(place);
      const ending = await trial(ground, wanted, { file: place.file, guarded });
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
      if (existsSync(place.canary)) violations.push(`${poison.name}: it ran (${ending})`);
      if (guarded && !["restored", "NEB423", "NEB424"].includes(ending)) violations.push(`${poison.name}: ${ending}`);
    }
    // what was refused left nothing, and the server still serves its owner
    if (guarded) await asTenant(ground.driver, wanted, (sql) => sql.query("create table after_all (a int)"));
    const settings = await ground.driver.inspect(wanted.id, new Map());
    if (guarded && (settings?.settings.length ?? 1) > 0) violations.push("a setting of the server was changed");
    return { trials: n, violations, figures: { refused: (endings.get("NEB423") ?? 0) + (endings.get("NEB424") ?? 0) } };
  } finally {
    rmSync(home, { recursive: true, force: true });
    await source.close();
    await ground.clear();
  }
}

catalogueRow({
  suite: "attacks",
  name: "restore of a poisoned dump",
  promise: "no command of the dump runs on our machine",
  n: { small: 20, large: 200 },
  run: rowRun,
  control: { without: "the refusal of plain dumps (by psql)", n: 20 },
  timeoutMs: 60_000,
});
