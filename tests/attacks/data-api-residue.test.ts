/**
 * Two users, a stranger and a service key ask at once over two connections. Each tries to reach the others' rows, and leaves in its session
 * whatever a function can; nobody may see a foreign row, or anything that another request left.
 */
import { afterAll, beforeAll } from "vitest";
import { makeDataApi } from "../../gateway/rest/index.ts";
import { limitsFor, readServiceKey } from "../../platform/compute/index.ts";
import { systemClock } from "../../platform/core/index.ts";
import {
  connectionUrl,
  makeSessionPool,
  openSession,
  type SessionPool,
  type Step,
  socketAddress,
} from "../../platform/sql/index.ts";
import { addKey, makeWebGround, type WebGround } from "../data-api/web-ground.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const claim = "current_setting('request.jwt.claims', true)::json->>'sub'";
const schema = [
  `create table notes (id int primary key, owner text not null default ${claim}, body text not null)`,
  "alter table notes enable row level security",
  `create policy own on notes to authenticated using (owner = ${claim}) with check (owner = ${claim})`,
  "grant select, insert, update, delete on notes to authenticated",
  "grant select on notes to anon",
  "create table tags (id int primary key, note int references notes, word text)",
  "alter table tags enable row level security",
  `create policy own on tags to authenticated using (exists (select from notes where notes.id = note and owner = ${claim}))`,
  "grant select on tags to authenticated",
  "insert into notes select i, case when i % 2 = 0 then 'anna' else 'ben' end, 'note ' || i from generate_series(1, 20) i",
  "insert into tags select i, i, 'tag' from generate_series(1, 20) i",
  "create sequence numbers",
  "grant usage, update on sequence numbers to anon, authenticated",
  // whatever a tenant's own function can leave in a session
  `create function leave(mark text) returns text language plpgsql as $$
    begin
      perform set_config('app.mark', mark, false);
      perform set_config('request.jwt.claims', json_build_object('sub', mark)::text, false);
      perform set_config('search_path', 'pg_temp, public', false);
      perform set_config('statement_timeout', '1234', false);
      perform pg_advisory_lock(hashtext(mark));
      perform nextval('public.numbers');
      perform set_config('role', 'authenticated', false);
      return mark;
    end $$`,
  `create function leave_table(mark text) returns text language plpgsql as $$
    begin
      execute 'create temporary table leftover as select ' || quote_literal(mark) || '::text as mark';
      execute 'grant select on leftover to public';
      return mark;
    exception when others then return 'refused';
    end $$`,
  "create table logged (id int generated always as identity, word text)",
  "alter table logged enable row level security",
  "create policy anybody on logged using (true) with check (true)",
  "grant select, insert on logged to authenticated",
  `create function leave_by_trigger() returns trigger language plpgsql as $$
    begin
      perform public.leave_table(new.word);
      perform set_config('app.mark', new.word, false);
      return new;
    end $$`,
  "create trigger leaves before insert on logged for each row execute function leave_by_trigger()",
  `create function look() returns json language plpgsql as $$
    declare number bigint; word text;
    begin
      begin number := lastval(); exception when others then number := null; end;
      begin execute 'select mark from pg_temp.leftover' into word; exception when others then word := null; end;
      return json_build_object('user', current_user, 'sub', ${claim}, 'mark', nullif(current_setting('app.mark', true), ''),
        'timeout', current_setting('statement_timeout'), 'path', current_setting('search_path'), 'number', number, 'table', word,
        'locks', (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()));
    end $$`,
];

let ground: WebGround;
let pool: SessionPool | undefined;
beforeAll(async () => {
  // two connections: everybody has them after everybody
  ground = await makeWebGround(schema, {
    api: { anonymous: "anon" },
    wanted: { limits: { ...limitsFor(0.25), connections: 8 } },
  });
});
afterAll(async () => {
  await pool?.close();
  await ground?.close();
});

type User = { readonly sub: string; readonly role: string; readonly headers: Readonly<Record<string, string>> };
type Seen = { readonly status: number; readonly body: unknown };
type Ask = (
  user: User,
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Seen>;

const overHttp: Ask = async ({ headers: own }, method, path, body, headers = {}) => {
  const response = await fetch(`${ground.url}${path}`, {
    ...{ method, headers: { "content-type": "application/json", ...own, ...headers } },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
};

/** What begins a request, without what forgets the one before. */
const unclean = (step: Step): Step =>
  /^(reset all|close all|discard \w+)$/.test(step.text)
    ? { text: "select 1" }
    : { ...step, text: step.text.replace("pg_catalog.pg_advisory_unlock_all()", "true") };

/** The same engine over connections that nobody cleans. */
async function uncleaned(): Promise<Ask> {
  const { wanted, keeper, ground: machine } = ground;
  const { socketPath, confirm } = await keeper.enter(wanted.id, "api");
  confirm();
  const password = await readServiceKey(machine.dataDir, wanted.id, "nebula_api");
  if (password === undefined) throw new Error("no key");
  const { host, port } = socketAddress(socketPath);
  const url = connectionUrl({ host, port, user: "nebula_api", password, database: wanted.databaseName });
  const opened = makeSessionPool({
    max: 2,
    open: (onLost) => openSession({ url, applicationName: "control", onLost }),
  });
  pool = opened;
  const settings = { schemas: ["public"], maxRows: 1000, statementMs: 10_000, maxBytes: 2 ** 24, allowTxEnd: false };
  const engine = makeDataApi({
    lend: (body) => opened.lend((session) => body({ run: (steps) => session.run(steps.map(unclean)) })),
    settings: { ...settings, aggregates: false, exposed: () => true },
    ...{ observe: () => undefined, clock: systemClock },
  });
  return async ({ sub, role }, method, path, body, headers = {}) => {
    const [below = "", query = ""] = path.split("?");
    const response = await engine.handle(
      {
        ...{ method, path: below, query, headers: { "content-type": "application/json", ...headers } },
        body: Buffer.from(body === undefined ? "" : JSON.stringify(body)),
      },
      { role, claims: { sub, role } },
    );
    return { status: response.status, body: response.body.length === 0 ? null : JSON.parse(response.body.toString()) };
  };
}

function users(): readonly User[] {
  const key = (user: string, access: "write" | "admin") => ({ apikey: addKey(ground, access, { user }) });
  return [
    { sub: "anna", role: "authenticated", headers: key("anna", "write") },
    { sub: "ben", role: "authenticated", headers: key("ben", "write") },
    { sub: "", role: "anon", headers: {} },
    { sub: "root", role: "service_role", headers: key("root", "admin") },
  ];
}

/** What somebody tries; what it shows of others is a violation. */
type Attempt = (ask: Ask, user: User, mark: string, random: Random) => Promise<readonly string[]>;

const foreignIn = (user: User, what: string, { status, body }: Seen): string[] => {
  if (status >= 500) return [`${what}: ${status} ${JSON.stringify(body)}`];
  if (user.role === "service_role" || !Array.isArray(body)) return [];
  const rows = body as { owner?: string; notes?: { owner?: string } | null }[];
  const foreign = rows.filter(({ owner, notes }) =>
    [owner, notes?.owner].some((one) => one !== undefined && one !== user.sub),
  );
  return foreign.map((row) => `${user.sub || "a stranger"}: ${what} shows ${JSON.stringify(row)}`);
};

const back = { prefer: "return=representation" };
const other = ({ sub }: User) => (sub === "anna" ? "ben" : "anna");
const reaching: readonly ((
  user: User,
  random: Random,
) => readonly [string, string, unknown?, Record<string, string>?])[] = [
  () => ["GET", "/notes?select=*"],
  (user) => ["GET", `/notes?owner=eq.${other(user)}`],
  (user) => ["GET", `/notes?or=(owner.eq.${other(user)},id.gt.0)`],
  (user) => ["GET", `/notes?owner=not.eq.${user.sub}`],
  () => ["GET", "/tags?select=id,notes!inner(owner,body)"],
  (_user, random) => ["PATCH", `/notes?id=eq.${1 + random.int(0, 19)}`, { body: "mine now" }, back],
  (user, random) => ["PATCH", `/notes?id=eq.${1 + random.int(0, 19)}`, { owner: user.sub }, back],
  (user, random) => [
    "POST",
    "/notes?on_conflict=id",
    { id: 1 + random.int(0, 19), owner: user.sub, body: "merged" },
    { prefer: "resolution=merge-duplicates,return=representation" },
  ],
  (user, random) => ["POST", "/notes", { id: 100 + random.int(0, 999_999), owner: other(user), body: "forged" }, back],
  (_user, random) => ["DELETE", `/notes?id=eq.${1 + random.int(0, 19)}`, undefined, back],
];

const reach: Attempt = async (ask, user, _mark, random) => {
  const made = random.pick(reaching)(user, random);
  if (user.role === "service_role") return [];
  return foreignIn(user, `${made[0]} ${made[1]}`, await ask(user, ...made));
};

const leave: Attempt = async (ask, user, mark, random) => {
  const way = random.pick(["/rpc/leave", "/rpc/leave_table", "/logged"]);
  await ask(user, "POST", way, way === "/logged" ? { word: mark } : { mark });
  return [];
};

const look: Attempt = async (ask, user) => {
  const { status, body } = await ask(user, "POST", "/rpc/look", {});
  if (status !== 200) return [`look: ${status} ${JSON.stringify(body)}`];
  const seen = body as Readonly<Record<string, unknown>>;
  const wrong = [
    ...(seen.user === user.role ? [] : ["user"]),
    ...((seen.sub ?? "") === user.sub ? [] : ["sub"]),
    ...(["mark", "number", "table"] as const).filter((one) => seen[one] !== null),
    ...(seen.locks === 0 ? [] : ["locks"]),
    ...(seen.timeout === "1234ms" ? ["timeout"] : []),
    ...(String(seen.path).includes("pg_temp") ? ["path"] : []),
  ];
  return wrong.map((one) => `${user.sub || "a stranger"} sees another's ${one}: ${JSON.stringify(seen[one])}`);
};

catalogueRow({
  suite: "attacks",
  name: "data API: RLS bypass and residue in pooled sessions",
  promise: "nobody sees a foreign row or what another request left in its session",
  n: { small: 120, large: 3_000 },
  async run({ n, random, guarded }: RowInput): Promise<Trials> {
    const ask = guarded ? overHttp : await uncleaned();
    const all = users();
    const violations: string[] = [];
    for (let trial = 0; trial < n; trial += 8) {
      const turns = Array.from({ length: 8 }, (_, i) => {
        const attempt = random.pick([reach, leave, look, look]);
        return attempt(ask, random.pick(all), `m${trial + i}`, random);
      });
      violations.push(...(await Promise.all(turns)).flat());
    }
    return { trials: n, violations };
  },
  control: { without: "the cleaning of sessions between two requests", n: 200 },
});
