/** `nebula sql` as a person and as a script use it: a process of its own, against a portal, a gateway and a database. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exitCodes } from "../../portal/cli/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type SqlPortal, sqlPath, startSqlPortal } from "./sql-portal-ground.ts";

const cli = join(import.meta.dirname, "../../launcher/cli.ts");
let on: SqlPortal;
let home: string;
let admin: string;
beforeAll(async () => {
  on = await startSqlPortal();
  home = mkdtempSync(join(tmpdir(), "nebula-sql-cli-"));
  admin = await on.portal.tokenFor("project-admin", "shop", null, "grace");
}, 240_000);
afterAll(async () => {
  await on?.close();
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
});

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Standard input is what is given, or nothing. */
function start(args: readonly string[], input = "", token = admin) {
  const env = { PATH: process.env.PATH, HOME: home, NEBULA_DATA: home, NEBULA_URL: on.portal.url, NEBULA_TOKEN: token };
  let done: (ran: Ran) => void = () => undefined;
  const ended = new Promise<Ran>((resolve) => {
    done = resolve;
  });
  const child = execFile(process.execPath, [cli, "sql", ...args], { env }, (thrown, stdout, stderr) =>
    done({ code: thrown === null ? 0 : Number(thrown.code ?? 1), stdout, stderr }),
  );
  child.stdin?.end(input);
  return { child, ended };
}
const sql = (args: readonly string[], input?: string, token?: string): Promise<Ran> => start(args, input, token).ended;

const at = "shop/store/orders";
const patient = 180_000;

test(
  "statements come from -c, from a file and from standard input; only --write writes",
  async () => {
    const refused = await sql([at, "-c", "create table t (id int, word text)"]);
    expect(refused).toMatchObject({ code: exitCodes.auth, stderr: expect.stringContaining("--write") });
    const file = join(home, "make.sql");
    writeFileSync(file, "create table t (id int, word text);\ninsert into t values (1, 'a,b'), (2, null), (3, '')");
    expect(await sql([at, "--write", "-f", file])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining("INSERT 3"),
    });
    const table = await sql([at], "select id, word from t order by id");
    expect(table).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^id +word\n1 +a,b\n/),
      stderr: expect.stringContaining("(3 rows)"),
    });
  },
  patient,
);

test(
  "rows are CSV or JSON for programs, with nulls told from empty texts; --all has every page",
  async () => {
    expect((await sql([at, "--csv", "-c", "select * from t order by id"])).stdout).toBe(
      'id,word\r\n1,"a,b"\r\n2,\r\n3,""\r\n',
    );
    const json = JSON.parse(
      (
        await sql([
          at,
          "-o",
          "json",
          "-c",
          "select $1::bigint as n, $2::text as x",
          "--param",
          "9007199254740993",
          "--param",
          "\\N",
        ])
      ).stdout,
    );
    expect(json).toMatchObject({ status: "done", results: [{ rows: [["9007199254740993", null]] }] });
    const all = await sql([at, "--all", "-c", "select g from generate_series(1, 12000) g"]);
    expect(all.stdout.trim().split("\r\n")).toHaveLength(12_001);
  },
  patient,
);

test(
  "a statement that fails shows its line and a caret, and ends with an error",
  async () => {
    const failed = await sql([at, "-c", "select 1;\nselect nope from t"]);
    expect(failed.code).toBe(exitCodes.error);
    expect(failed.stderr).toContain(
      'nebula: 42703 ERROR: column "nope" does not exist\nline 2: select nope from t\n               ^',
    );
    expect((await sql([at, "-c", "select form"])).code).toBe(exitCodes.error);
    expect(await sql([at, "-c", "select (1"])).toMatchObject({
      code: exitCodes.usage,
      stderr: expect.stringContaining("line 1, column 10"),
    });
  },
  patient,
);

test(
  "plans are shown as a tree; what was analyzed is undone",
  async () => {
    const plan = await sql([at, "--analyze", "--write", "-c", "delete from t"]);
    expect(plan.stdout).toMatch(/ModifyTable on t .*\n {2}-> Seq Scan on t .*actual/);
    expect((await sql([at, "--csv", "-c", "select count(*) from t"])).stdout).toBe("count\r\n3\r\n");
  },
  patient,
);

test(
  "Ctrl-C cancels what runs at the server",
  async () => {
    const { child, ended } = start([at, "-c", "select pg_sleep(602)", "--timeout", "240"]);
    const grace = on.portal.as(admin);
    const look = { sql: "select count(*) from pg_stat_activity where query = 'select pg_sleep(602)'", remember: false };
    const running = async () =>
      ((await grace.send("POST", sqlPath(), look)).body as { results: { rows: string[][] }[] }).results[0]
        ?.rows[0]?.[0];
    await eventually("it runs", async () => (await running()) === "1", { timeoutMs: 30_000 });
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: exitCodes.error, stderr: expect.stringContaining("cancelled") });
    expect(await running()).toBe("0");
  },
  patient,
);

test(
  "history and kept queries",
  async () => {
    expect((await sql([at, "--history", "--search", "nope"])).stdout).toContain("failed 42703");
    expect((await sql([at, "--save", "count", "--shared", "-c", "select count(*) from t"])).stderr).toContain(
      "is kept",
    );
    expect((await sql([at, "--save", "count", "--shared", "-c", "select count(*) as n from t"])).code).toBe(0);
    expect((await sql([at, "--queries"])).stdout).toMatch(/count +grace +yes +orders +select count/);
    const developer = await on.portal.tokenFor("developer", "shop", null, "ada");
    expect((await sql([at, "--csv", "--query", "count"], "", developer)).stdout).toBe("n\r\n3\r\n");
    expect((await sql([at, "--query", "none"])).code).toBe(exitCodes.notFound);
    expect((await sql([at, "--history", "--forget"])).stderr).toMatch(/\d+ lines forgotten/);
  },
  patient,
);
