/**
 * Hostile requests against the data API: names, operators, hints, casts, JSON paths, orders, preferences, profiles and bodies made of SQL.
 * The canary is a row that the role could change if it had a statement of its own; the client never asks to. The control puts the
 * values of the same attacks into a statement's text.
 */
import { type ApiGround, makeApiGround } from "../data-api/ground.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

type Attack = {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The words of ours in it. */
  readonly word: string;
};

/** What ends a literal, an identifier or a statement somewhere. */
const words = [
  "'; update canary set word = 'dead' --",
  "\"; update canary set word = 'dead' --",
  "1; update canary set word = 'dead'",
  "x' or '1'='1",
  "') ; delete from canary; --",
  "(select word from canary)",
  "public.canary",
  "\\'; drop table canary; --",
  "E'\\x27'; update canary set word = 'dead' --",
  "$1; delete from canary",
  "$$; delete from canary; $$",
  "1)) union select word from canary --",
  "'||(select word from canary)||'",
  "*/ delete from canary /*",
  'id"; delete from canary; --',
  "id::text; delete from canary",
  "pg_sleep(10)",
  "a\n;delete from canary",
  "\u02bc; delete from canary; --",
  "%27; delete from canary; --",
  "\u0000'; delete from canary",
  "x".repeat(70),
  "-1",
  "{}",
  "->>",
  "a,b)(",
  "not.not.eq",
  '"\\""',
  "٣",
];
const tables: Readonly<Record<string, readonly string[]>> = {
  clients: ["name", "mood", "upper_name"],
  projects: ["name", "data", "tags"],
  people: ["name", "note", "document"],
  tasks: ["title", "id"],
  "odd name": ["select", "a column"],
};
const operators = [
  "eq",
  "neq",
  "gt",
  "like",
  "ilike",
  "match",
  "in",
  "is",
  "cs",
  "cd",
  "ov",
  "sl",
  "adj",
  "fts",
  "fts(english)",
  "wfts",
  "not.eq",
  "eq(any)",
  "isdistinct",
  "like(all)",
];

/** A quoted word of the dialect: as much of a hostile text as its grammar lets through. */
const inQuotes = (word: string) => `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** Where the grammar takes any text: these reach Postgres. */
function knowing(random: Random, column: string, word: string): readonly [string, string] {
  const quoted = inQuotes(word);
  return random.pick<() => readonly [string, string]>([
    () => [column, `${random.pick(operators)}.${word}`],
    () => [column, `in.(${quoted},${quoted})`],
    () => [`data->${quoted}->>${quoted}`, `eq.${word}`],
    () => ["select", `${quoted.slice(0, 60)}:${column === "data" ? "data" : "id"}`],
    () => ["select", `id,data->${quoted},x:data->>${quoted}`],
    () => ["select", `id,...clients(${quoted}:name)`],
    () => ["order", `data->>${quoted}.desc`],
    () => [
      random.pick(["and", "or", "not.or"]),
      `(${column}.eq.${quoted},${column}.like.${quoted},not.and(${column}.in.(${quoted})))`,
    ],
    () => [column, `${random.pick(["eq(any)", "like(all)"])}.{${quoted}}`],
    () => [column, `fts(english).${word}`],
  ])();
}

/** Where it takes names: these are refused before. */
function naming(random: Random, column: string, word: string): readonly [string, string] {
  const either = random.chance(0.5) ? inQuotes(word) : word;
  return random.pick<() => readonly [string, string]>([
    () => [either, `eq.${word}`],
    () => [column, `${either}.1`],
    () => ["select", either],
    () => ["select", `id::${either}`],
    () => ["select", `id,clients!${either}(${column})`],
    () => ["select", `...clients(${either})`],
    () => ["select", `${column}.${either}()`],
    () => ["order", `${either}.asc`],
    () => ["order", `${column}.${either}`],
    () => ["order", `clients(${either})`],
    () => [random.pick(["limit", "offset"]), either],
    () => [random.pick(["columns", "on_conflict"]), either],
    () => [`clients.${either}`, `eq.${word}`],
    () => [column, `fts(${either}).${word}`],
  ])();
}

function makeAttack(random: Random): Attack {
  const word = random.pick(words);
  const table = random.pick(Object.keys(tables));
  const column = random.pick(tables[table] ?? []);
  const pairs = Array.from({ length: random.int(1, 2) }, () =>
    (random.chance(0.8) ? knowing : naming)(random, column, word),
  );
  const isCall = random.chance(0.15);
  const argument: readonly [string, string] = [random.pick(["a", "minimum", "parts", word]), word];
  const query = (isCall ? [argument, ...pairs.slice(1)] : pairs)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join("&");
  const routine = random.pick(["add_them", "get_projects", "join_all", "join_all", word]);
  const target = isCall ? `rpc/${encodeURIComponent(routine)}` : encodeURIComponent(random.chance(0.03) ? word : table);
  const method = isCall
    ? random.pick(["GET", "POST"])
    : random.pick(["GET", "GET", "GET", "HEAD", "POST", "PATCH", "PUT"]);
  return {
    path: `/${target}?${query}`,
    method,
    headers: headersOf(random, word),
    ...bodyOf(random, method, column, word),
    word,
  };
}

function headersOf(random: Random, word: string): Record<string, string> {
  const clean = word.replace(/[^\x20-\x7e]/g, "");
  const all: Record<string, string> = {
    prefer: random.pick([
      "return=representation",
      `timezone=${clean}`,
      "resolution=merge-duplicates, missing=default",
      "count=planned",
      "count=exact, return=representation",
      clean,
      "tx=rollback",
    ]),
    accept: random.chance(0.9) ? random.pick(["*/*", "text/csv", "application/vnd.pgrst.object+json"]) : clean,
    ...(random.chance(0.03) ? { "accept-profile": clean, "content-profile": clean } : {}),
    ...(random.chance(0.1) ? { range: `${clean}-1` } : {}),
    ...(random.chance(0.2) ? { "x-sub": clean } : {}),
  };
  return { ...all, "content-type": random.chance(0.95) ? "application/json" : "text/csv" };
}

/** Rows that no table takes whole: keys and values are SQL, ids exist already. */
function bodyOf(random: Random, method: string, column: string, word: string): { readonly body?: string } {
  if (method === "GET" || method === "HEAD") return {};
  const row = random.pick([
    { [word]: 1 },
    { [column]: word },
    { [column]: word },
    { a: word, b: word },
    { parts: [word, word] },
    [{ name: word }, { [word]: 1 }],
  ]);
  return { body: random.chance(0.05) ? word : JSON.stringify(row) };
}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeApiGround({ statementMs: 5000 });
  const violations: string[] = [];
  try {
    const ends = { answered: 0, refusedBefore: 0, refusedByPostgres: 0 };
    let left = n;
    const attack = async () => {
      while (left-- > 0) {
        const one = makeAttack(random);
        const found = guarded ? await throughApi(ground, one, ends) : await throughText(ground, one);
        if (found !== undefined) violations.push(`${found}: ${JSON.stringify(one)}`);
        if (!guarded && violations.length > 0) left = 0;
      }
    };
    await Promise.all(Array.from({ length: 6 }, attack));
    if (guarded) violations.push(...(await canary(ground)));
    return { trials: n, violations, ...(guarded ? { figures: ends } : {}) };
  } finally {
    await ground.close();
  }
}

type Ends = { answered: number; refusedBefore: number; refusedByPostgres: number };

async function throughApi(
  ground: ApiGround,
  { path, method, headers, body }: Attack,
  ends: Ends,
): Promise<string | undefined> {
  const { status, json, text } = await ground.ask(path, { method, headers, ...(body === undefined ? {} : { body }) });
  if (status < 400) ends.answered++;
  else if (/^[0-9A-Z]{5}$/.test(json?.code ?? "")) ends.refusedByPostgres++;
  else ends.refusedBefore++;
  if (status >= 500) return `answered ${status} ${text.slice(0, 300)}`;
  // a text search that does not parse has the same SQLSTATE, and is a value
  if (json?.code === "42601" && !/^syntax error in ts(query|vector):/.test(json.message))
    return `a syntax error reached Postgres: ${json.message}`;
  if (["08P01", "42P18"].includes(json?.code)) return `a malformed statement reached Postgres: ${json.message}`;
  if (text.includes("sings")) return "the canary was read";
  return undefined;
}

async function canary(ground: ApiGround): Promise<string[]> {
  const rows = await ground.db.sql
    .query<{ id: number; word: string }>("select * from canary")
    .catch((thrown) => [{ id: 0, word: String(thrown) }]);
  return rows.length === 1 && rows[0]?.word === "sings" ? [] : [`the canary is ${JSON.stringify(rows)}`];
}

/** What the same words do when somebody writes them into a statement. */
async function throughText(ground: ApiGround, { word }: Attack): Promise<string | undefined> {
  if (word.includes("\0") || word.includes("pg_sleep")) return undefined;
  await ground.db.sql.query(`select * from clients where name = '${word}'`).catch(() => undefined);
  return (await canary(ground))[0];
}

catalogueRow({
  suite: "attacks",
  name: "data API injection",
  promise: "no foreign statement, no syntax error and no 5xx come of hostile requests",
  n: { small: 4_000, large: 20_000 },
  run,
  control: { without: "parameters: values stand in the text", n: 300 },
  timeoutMs: 60_000,
});
