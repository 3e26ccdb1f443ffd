/** The audit's chain: what a line holds, that nobody changes it, and that people can be forgotten. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeVault, type Observation, Secret } from "../../platform/core/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import {
  type Audit,
  type ChainLine,
  hashAfter,
  keepAudit,
  makeAudit,
  type NewAuditLog,
} from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const vault = makeVault(new Secret(Buffer.alloc(32, 5).toString("base64")));
let db: TestDatabase;
let app: Pool;
let audit: Audit;

beforeAll(async () => {
  db = await testDatabase();
  app = makePool({ url: db.appUrl, applicationName: "test", max: 6 });
  audit = makeAudit(app, vault);
});
afterAll(async () => {
  await app?.close();
  await db?.close();
});
beforeEach(async () => {
  await db.sql.query(`
    set session_replication_role = replica;
    delete from audit_logs; delete from audit_anchors; delete from audit_segments; delete from subjects; delete from audit_before;
    update audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex'), signature = null;
    set session_replication_role = origin`);
  audit = makeAudit(app, vault);
});

const entry = (more: Partial<NewAuditLog> = {}): NewAuditLog => ({
  actor: "Ada@acme.example",
  actorId: "key_1",
  action: "databases.create",
  resource: "shop/store/orders",
  tenant: "shop",
  project: "store",
  address: "203.0.113.7",
  userAgent: "curl/8 (ada's laptop)",
  details: { size: 1e21, name: 'né "quoted"\n', nested: { b: 1, a: [null, 0.1] } },
  result: "accepted",
  operation: "op_1",
  commit: "c0ffee",
  ...more,
});
const everything = { within: "everything", limit: 50 } as const;

test("a line is read back as it was written, and the database holds nobody's name or address", async () => {
  await audit.append(entry());
  const { rows } = await audit.list(everything);
  expect(rows).toMatchObject([{ ...entry(), id: 1, subject: expect.stringMatching(/^sub_/) }]);
  const [{ dump } = { dump: "" }] = await app.query<{ dump: string }>(
    "select (select string_agg(l::text, ' ') from audit_logs l) || (select string_agg(s::text, ' ') from subjects s) as dump",
  );
  expect(dump.toLowerCase()).not.toMatch(/ada|acme\.example|203\.0\.113|curl/);
});

test("lines of many writers in many processes make one chain without gaps, in order", async () => {
  const other = makePool({ url: db.appUrl, applicationName: "test", max: 3 });
  const writers = [audit, makeAudit(other, vault), makeAudit(other, vault)];
  await Promise.all(
    Array.from({ length: 300 }, (_, i) => writers[i % 3]?.append(entry({ actor: `u${i % 7}`, resource: `r${i}` }))),
  );
  await other.close();
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 300, firstSeq: 1, head: { seq: 300 }, problems: [] });
  const seen = await audit.list({ ...everything, limit: 200 });
  expect(new Set(seen.rows.map(({ resource }) => resource)).size).toBe(200);
  expect(seen.nextBefore).toBe(101);
});

test("a line that was told is there: whoever waits for many at once pays for few commits", async () => {
  await audit.append(entry());
  const began = performance.now();
  await Promise.all(Array.from({ length: 1000 }, (_, i) => audit.append(entry({ resource: `r${i}` }))));
  expect(performance.now() - began).toBeLessThan(5000);
  expect((await audit.verify()).lines).toBe(1001);
});

test("what cannot be written fails for him who asked, and the next line follows as if nothing had been", async () => {
  await expect(audit.append(entry({ result: "maybe" as never }))).rejects.toThrow();
  await audit.append(entry());
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 1 });
});

test("the application reads and appends, and changes nothing; the owner is refused too", async () => {
  for (const actor of ["a", "b", "c"]) await audit.append(entry({ actor }));
  const statements = [
    "update audit_logs set actor = 'x'",
    "update audit_logs set result = 'failed'",
    "delete from audit_logs",
    "delete from audit_logs where seq = 3",
    "truncate audit_logs",
    "insert into audit_logs select * from audit_logs",
    "update audit_head set seq = 1",
    "delete from audit_head",
    "truncate audit_head",
    "insert into audit_anchors values (1, '', now(), '')",
    "delete from audit_anchors",
    "delete from audit_segments",
    "update audit_segments set pruned_at = now()",
    "select set_config('nebula.audit_prune', '99', false); delete from audit_logs",
    "alter table audit_logs disable trigger refuse",
    `select audit_append('[{"subject":"s","personal":"p","action":"a","resource":"r","result":"accepted","at":"2001-01-01T00:00:00Z"}]')`,
    "select audit_sign(1, decode(repeat('00', 32), 'hex'), 'x')",
  ];
  for (const statement of statements) await expect(app.query(statement), statement).rejects.toThrow();
  for (const statement of ["update audit_logs set result = 'failed'", "delete from audit_logs", "truncate audit_logs"])
    await expect(db.sql.query(statement), statement).rejects.toThrow(/the audit is not changed/);
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 3 });
});

test("every field can be asked for", async () => {
  await audit.append(entry());
  await audit.append(
    entry({
      ...{ actor: "bob", actorId: "key_2", action: "pulls.merge", resource: "12", tenant: "bank", project: null },
      ...{ address: "198.51.100.2", userAgent: "Mozilla", details: { risk: "high", count: 3 }, result: "refused" },
      ...{ operation: null, commit: null },
    }),
  );
  const [{ subject } = { subject: "" }] = (await audit.list({ ...everything, actor: "BOB " })).rows;
  const asks: readonly object[] = [
    { actor: "bob" },
    { subject },
    { actorId: "key_2" },
    { action: "pulls.merge" },
    { resource: "12" },
    { within: [{ tenant: "bank", project: null, database: null }] },
    { address: "198.51.100.2" },
    { userAgent: "zill" },
    { details: { risk: "high" } },
    { details: { count: 3 } },
    { result: "refused" },
    { beforeId: 3, limit: 1 },
    { from: new Date(Date.now() - 60_000), action: "pulls.merge" },
  ];
  for (const ask of asks)
    expect(
      (await audit.list({ ...everything, ...ask })).rows.map(({ actor }) => actor),
      JSON.stringify(ask),
    ).toEqual(["bob"]);
  for (const ask of [{ operation: "op_1" }, { commit: "c0ffee" }])
    expect((await audit.list({ ...everything, ...ask })).rows.map(({ id }) => id)).toEqual([1]);
  for (const ask of [{ actor: "nobody" }, { to: new Date(0) }, { actor: "bob", address: "203.0.113.7" }])
    expect((await audit.list({ ...everything, ...ask })).rows).toEqual([]);
});

test("an erased person is nobody any more, also in what was exported later, and the chain holds", async () => {
  await audit.append(entry());
  await audit.append(entry({ actor: "bob" }));
  const subject = await audit.subjectOf("ada@ACME.example");
  expect(await audit.eraseSubject("Ada@acme.example")).toBe(subject);
  expect((await audit.list({ ...everything, actor: "ada@acme.example" })).rows).toEqual([]);
  const { rows } = await makeAudit(app, vault).list(everything);
  expect(rows.map(({ actor, address, subject: whose }) => [actor, address, whose === subject])).toEqual([
    ["bob", "203.0.113.7", false],
    ["(erased)", null, true],
  ]);
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 2 });
  await audit.append(entry());
  expect(await audit.subjectOf("ada@acme.example")).not.toBe(subject);
});

test("people whom a line speaks of stand in the chain by pseudonym, and are forgotten with their key", async () => {
  await audit.append(
    entry({
      action: "users.invite",
      resource: "shop/bob@acme.example",
      people: ["carol"],
      details: { invited: ["bob@acme.example", "carol"], note: 'for "bob@acme.example"', member: "bob" },
    }),
  );
  const [stored] = await app.query<{ line: string }>("select l::text as line from audit_logs l");
  expect(stored?.line).not.toMatch(/bob@|acme|carol/);
  const [shown] = (await audit.list(everything)).rows;
  expect(shown).toMatchObject({
    resource: "shop/bob@acme.example",
    details: { invited: ["bob@acme.example", "carol"], note: 'for "bob@acme.example"', member: "bob" },
  });
  expect((await audit.list({ ...everything, resource: "shop/bob@acme.example" })).rows).toHaveLength(1);
  const subject = await audit.eraseSubject("BOB@acme.example");
  const [later] = (await makeAudit(app, vault).list(everything)).rows;
  expect(later).toMatchObject({ resource: `shop/${subject}`, details: { invited: [subject, "carol"] } });
  expect(await audit.verify()).toMatchObject({ ok: true });
});

test("an anchor in the log tells of an end that was cut off, even by somebody who signs", async () => {
  for (let i = 0; i < 5; i++) await audit.append(entry());
  const seen: Observation[] = [];
  await audit.anchor((observation) => seen.push(observation));
  const [anchored] = seen;
  if (anchored?.kind !== "audit.anchored") throw new Error("nothing was anchored");
  expect(await audit.verify([anchored])).toMatchObject({ ok: true });
  await db.sql.query(`
    set session_replication_role = replica;
    delete from audit_logs where seq > 2; delete from audit_anchors;
    update audit_head set seq = 2, hash = (select hash from audit_logs where seq = 2);
    set session_replication_role = origin`);
  await audit.append(entry());
  expect(await audit.verify()).toMatchObject({ ok: true });
  expect(await audit.verify([anchored])).toMatchObject({
    ok: false,
    problems: ["line 5: was anchored and is missing"],
  });
});

/** Lines of other months, as a clock would have made them. */
async function appendAt(months: readonly string[]) {
  await db.sql.query(
    "insert into audit_before (at, actor, action, resource, result) select t::timestamptz, 'ada', 'x', 'y', 'accepted' from unnest($1::text[]) t",
    [months],
  );
  expect(await audit.adopt()).toBe(months.length);
}

test("lines of the first release join the chain with their own times, once", async () => {
  await appendAt(["2026-01-02T03:04:05.678Z", "2026-01-03T00:00:00Z"]);
  expect(await audit.adopt()).toBe(0);
  const { rows } = await audit.list(everything);
  expect(rows.map(({ at, actor }) => [at.toISOString(), actor])).toEqual([
    ["2026-01-03T00:00:00.000Z", "ada"],
    ["2026-01-02T03:04:05.678Z", "ada"],
  ]);
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 2 });
});

test("its keeper adopts, anchors and retains, again and again, until it is told to stop", async () => {
  await db.sql.query(
    "insert into audit_before (at, actor, action, resource, result) values ('2024-01-05', 'ada', 'x', 'y', 'accepted')",
  );
  await audit.append(entry());
  const seen: string[] = [];
  const stop = new AbortController();
  const observe = ({ kind }: Observation) => {
    seen.push(kind);
    if (seen.filter((one) => one === "audit.anchored").length === 2) stop.abort();
  };
  await keepAudit({ audit, observe, retentionDays: 366, everyMs: 20 }, stop.signal);
  expect(seen).not.toContain("fault");
  expect((await audit.verify()).ok).toBe(true);
});

test("finished months are closed, a year later they go, and the rest still verifies; never younger lines", async () => {
  await appendAt(["2024-01-05T00:00:00Z", "2024-01-31T23:59:59Z", "2024-03-01T00:00:00Z", new Date().toISOString()]);
  await audit.append(entry());
  expect(await audit.retain(1)).toBe(3);
  expect(await app.query("select first_seq, last_seq from audit_segments order by 1")).toEqual([
    { first_seq: 1, last_seq: 2 },
    { first_seq: 3, last_seq: 3 },
  ]);
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 2, firstSeq: 4 });
  expect(await audit.retain(1)).toBe(0);
});

test("a young line is kept, whatever old ones joined the chain behind it", async () => {
  const recently = new Date(Date.now() - 70 * 86_400_000).toISOString();
  await appendAt([recently, "2024-01-05T00:00:00Z"]);
  await db.sql.query(
    "insert into audit_before (at, actor, action, resource, result) values ('2024-01-05', 'ada', 'x', 'y', 'accepted')",
  );
  expect(await audit.adopt()).toBe(1);
  expect(await audit.retain(1)).toBe(0);
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 3 });
});

test("retention may be longer than a year", async () => {
  await appendAt(["2024-01-05T00:00:00Z"]);
  expect(await audit.retain(36_500)).toBe(0);
  expect(await audit.verify()).toMatchObject({ ok: true, lines: 1 });
});

test("an export is the chain, and its lines are hashed as the document says", async () => {
  for (let i = 0; i < 3; i++) await audit.append(entry({ resource: `r${i}` }));
  const lines: { kind: string; line?: ChainLine; who?: { actor: string }; after?: { hash: string } }[] = [];
  for await (const line of audit.export()) lines.push(line as (typeof lines)[number]);
  expect(lines.map(({ kind }) => kind)).toEqual(["begin", "line", "line", "line", "end"]);
  let hash = lines[0]?.after?.hash ?? "";
  for (const { line, who } of lines.slice(1, -1)) {
    if (line === undefined) continue;
    hash = hashAfter(hash, line);
    expect(line.hash).toBe(hash);
    expect(who?.actor).toBe("Ada@acme.example");
  }
  expect(lines.at(-1)).toMatchObject({ head: { seq: 3, hash } });
});
