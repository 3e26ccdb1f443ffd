/**
 * Requests that nobody would think of, made by schemathesis out of the API's own OpenAPI document: whatever comes, the answer is one that
 * was meant. The oracle is the server's own count of what it answered, not what the tool says of it.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fuzzer } from "../gateway/client-tools.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { addKey, makeWebGround, type WebGround } from "./web-ground.ts";

const run = promisify(execFile);

const schema = [
  "create type mood as enum ('good', 'bad')",
  "create table clients (id bigint generated always as identity primary key, name text not null check (length(name) < 50), mood mood)",
  "create table things (id uuid primary key default gen_random_uuid(), client bigint references clients, n int, price numeric(8, 2), " +
    "at timestamptz, day date, tags text[], extra jsonb, raw bytea, spot point, span int4range, flag boolean, unique (n))",
  "create view busy with (security_invoker = on) as select id, name from clients",
  "alter table clients enable row level security",
  "alter table things enable row level security",
  "create policy everything on clients using (true)",
  "create policy everything on things using (true)",
  "create function add(a int, b int default 1) returns int language sql immutable as 'select a + b'",
  "create function named(name text) returns setof clients language sql stable as 'select * from clients c where c.name = named.name'",
  "create function parts(doc jsonb, days interval) returns table (k text, v timestamptz) language sql as $$ select key, now() + days from jsonb_each(doc) $$",
  "grant select, insert, update, delete on clients, things, busy to authenticated",
];
/** What the control has besides: an answer of 500 that the tenant asks for, so that the count is seen to see one. */
const faulty =
  "create function faulty() returns int language plpgsql stable as $$ begin raise sqlstate 'PT500'; end $$";

const roundsAtMost = 40;

catalogueRow({
  suite: "attacks",
  name: "data API fuzz",
  promise: "no generated request is answered by 5xx",
  n: { small: 1_000, large: 20_000 },
  timeoutMs: 120_000,
  run: fuzz,
  control: { without: "care: one function answers 500 of its own accord", n: 100 },
});

async function fuzz({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeWebGround(guarded ? schema : [...schema, faulty]);
  const folder = mkdtempSync(join(tmpdir(), "nebula-fuzz-"));
  try {
    const key = addKey(ground, "write");
    const document = join(folder, "openapi.json");
    const described = await fetch(ground.url, { headers: { apikey: key, accept: "application/openapi+json" } });
    const text = await described.text();
    writeFileSync(document, text);
    const operations = Object.values((JSON.parse(text) as { paths: Record<string, object> }).paths)
      .map((one) => Object.keys(one).length)
      .reduce((sum, one) => sum + one, 0);
    for (let round = 0; answered(ground).length < n && round < roundsAtMost; round += 1) {
      const left = n - answered(ground).length;
      await attack(ground, {
        folder,
        document,
        key,
        seed: random.int(1, 2 ** 31),
        each: Math.ceil(left / operations),
      });
    }
    const violations = answered(ground).filter(({ status }) => status >= 500);
    const faults = ground.observations.flatMap((one) => (one.kind === "fault" ? [`${one.code} ${one.message}`] : []));
    return {
      trials: answered(ground).length,
      violations: [...violations.map(({ method, status }) => `${method} was answered by ${status}`), ...faults],
      figures: { operations, refused: answered(ground).filter(({ status }) => status >= 400).length },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await ground.close();
  }
}

const answered = ({ observations }: WebGround) =>
  observations.flatMap((one) => (one.kind === "api.request" ? [one] : []));

type Attack = {
  readonly folder: string;
  readonly document: string;
  readonly key: string;
  readonly seed: number;
  /** Requests of each operation. */
  readonly each: number;
};

async function attack({ url }: WebGround, { folder, document, key, seed, each }: Attack): Promise<void> {
  const options = [
    ...["--url", url, "--header", `apikey: ${key}`, "--checks", "not_a_server_error", "--phases", "fuzzing"],
    ...["--mode", "all", "--max-examples", String(each), "--seed", String(seed), "--workers", "2", "--no-shrink"],
    ...["--continue-on-failure", "--suppress-health-check", "all", "--generation-database", "none", "--no-color"],
  ];
  const start = "from schemathesis.cli import schemathesis; schemathesis()";
  const env = { ...process.env, PYTHONPATH: await fuzzer(), HOME: folder };
  const asked = run("python3", ["-c", start, "run", document, ...options], { cwd: folder, env, maxBuffer: 64 << 20 });
  await asked.catch((thrown: Error & { code?: unknown; stdout?: string; stderr?: string }) => {
    // 1: it found something, which the count knows; everything else is that it did not run.
    if (thrown.code !== 1) throw new Error(`schemathesis: ${thrown.stderr || thrown.stdout || thrown.message}`);
  });
}
