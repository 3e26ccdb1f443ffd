/** Somebody with the ledger's superuser changes the audit: every kind of change is found. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { makeVault, type Observation, Secret } from "../../platform/core/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { type Audit, type KnownHead, makeAudit, type NewAuditLog } from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow } from "../harness/row.ts";

const vault = makeVault(new Secret(randomBytes(32).toString("base64")));
let db: TestDatabase;
let app: Pool;
beforeAll(async () => {
  db = await testDatabase();
  app = makePool({ url: db.appUrl, applicationName: "test", max: 3 });
});
afterAll(async () => {
  await app?.close();
  await db?.close();
});

type Kind = { readonly name: string; readonly sql: (line: number, other: number) => string };

const set = (name: string, assignment: string): Kind => ({
  name,
  sql: (line) => `update audit_logs set ${assignment} where seq = ${line}`,
});
/** Computes every hash anew from a line on, as the chain does, and sets the head to it. */
const rehash = (from: number | string) => `
  do $$ declare one audit_logs; last bytea; begin
    select hash into last from audit_logs where seq < ${from} order by seq desc limit 1;
    last := coalesce(last, (select last_hash from audit_segments where pruned_at is not null order by last_seq desc limit 1));
    for one in select * from audit_logs where seq >= ${from} order by seq loop
      last := sha256(last || convert_to(audit_canonical(one), 'utf8'));
      update audit_logs set hash = last where seq = one.seq;
    end loop;
    update audit_head set hash = last, seq = (select max(seq) from audit_logs);
    update audit_anchors a set hash = l.hash from audit_logs l where l.seq = a.seq;
    update audit_segments s set last_hash = l.hash from audit_logs l where l.seq = s.last_seq;
  end $$`;
const headBack = "update audit_head set (seq, hash) = (select seq, hash from audit_logs order by seq desc limit 1)";

const kinds: readonly Kind[] = [
  set("a changed action", "action = 'databases.list'"),
  set("a changed result", "result = case result when 'accepted' then 'refused' else 'accepted' end"),
  set("a changed resource", "resource = resource || 'x'"),
  set("a changed tenant", "tenant = 'bank'"),
  set("a tenant taken away", "tenant = null"),
  set("a changed time", "at = at + interval '1 millisecond'"),
  set("changed details", `details = '{"size":2}'`),
  set("a changed commit", "commit = 'beef'"),
  set("a changed operation", "operation = coalesce(operation, '') || 'x'"),
  set(
    "somebody else blamed",
    "subject = (select subject from audit_logs o where o.subject <> audit_logs.subject limit 1)",
  ),
  set("changed ciphertext", "personal = reverse(personal)"),
  {
    name: "the person of another line",
    sql: (line, other) =>
      `update audit_logs set personal = (select personal from audit_logs where seq = ${other}) where seq = ${line}`,
  },
  { name: "a line deleted", sql: (line) => `delete from audit_logs where seq = ${line}` },
  {
    name: "a line deleted, the rest renumbered",
    sql: (line) =>
      `delete from audit_logs where seq = ${line}; update audit_logs set seq = seq - 1 where seq > ${line}; ${headBack}`,
  },
  {
    name: "a line deleted, the rest renumbered and hashed anew",
    sql: (line) =>
      `delete from audit_logs where seq = ${line}; update audit_logs set seq = seq - 1 where seq > ${line}; ${rehash(line)}`,
  },
  {
    name: "a line inserted at the end",
    sql: () =>
      `insert into audit_logs select (l).* from (select (jsonb_populate_record(t, jsonb_build_object('seq', t.seq + 1))) as l from audit_logs t order by seq desc limit 1) x; ${headBack}`,
  },
  {
    name: "a line inserted at the end, with its right hash",
    sql: () =>
      `insert into audit_logs select (l).* from (select (jsonb_populate_record(t, jsonb_build_object('seq', t.seq + 1))) as l from audit_logs t order by seq desc limit 1) x; ${rehash("(select max(seq) from audit_logs)")}`,
  },
  {
    name: "two lines swapped",
    sql: (line, other) =>
      `update audit_logs set seq = -1 where seq = ${line}; update audit_logs set seq = ${line} where seq = ${other}; update audit_logs set seq = ${other} where seq = -1`,
  },
  {
    name: "two lines swapped, with right hashes",
    sql: (line, other) =>
      `update audit_logs set seq = -1 where seq = ${line}; update audit_logs set seq = ${line} where seq = ${other}; update audit_logs set seq = ${other} where seq = -1; ${rehash(Math.min(line, other))}`,
  },
  { name: "the end cut off", sql: (line) => `delete from audit_logs where seq >= ${line}` },
  {
    name: "the end cut off, the head set back",
    sql: (line) =>
      `delete from audit_logs where seq >= ${line}; delete from audit_anchors where seq >= ${line}; ${headBack}`,
  },
  {
    name: "the end cut off, the head set back with its old signature",
    sql: () =>
      "delete from audit_logs where seq > (select seq from kept_head); delete from audit_anchors where seq > (select seq from kept_head); update audit_head set (seq, hash, signature) = (select seq, hash, signature from kept_head)",
  },
  {
    name: "a field changed, the rest hashed anew",
    sql: (line) => `update audit_logs set result = 'failed' where seq = ${line}; ${rehash(line)}`,
  },
  {
    name: "a field of the first line changed, all hashed anew",
    sql: () =>
      `update audit_logs set resource = 'other' where seq = (select min(seq) from audit_logs); ${rehash("(select min(seq) from audit_logs)")}`,
  },
  { name: "a changed head", sql: () => "update audit_head set hash = sha256(hash)" },
  { name: "a head without a signature", sql: () => "update audit_head set signature = null" },
  { name: "a changed checkpoint", sql: () => "update audit_segments set last_hash = sha256(last_hash)" },
  {
    name: "a checkpoint that claims more",
    sql: () =>
      "update audit_segments set last_seq = last_seq + 1 where last_seq = (select max(last_seq) from audit_segments)",
  },
  { name: "a checkpoint taken away", sql: () => "delete from audit_segments where first_seq = 1" },
  {
    name: "lines let go that no checkpoint covers",
    sql: (line) => `delete from audit_logs where seq <= ${line}; update audit_segments set pruned_at = now()`,
  },
  { name: "a changed anchor", sql: () => "update audit_anchors set at = at + interval '1 hour'" },
  {
    name: "everything gone, as if new",
    sql: () =>
      "delete from audit_logs; delete from audit_anchors; delete from audit_segments; update audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex'), signature = null",
  },
];

const entry = (i: number): NewAuditLog => ({
  ...{ actor: `user${i % 3}`, actorId: null, action: "databases.create", resource: `shop/store/d${i}` },
  ...{ tenant: "shop", project: "store", address: "203.0.113.7", userAgent: "curl", details: { size: 1 } },
  ...{ result: "accepted", operation: `op_${i}`, commit: "c0ffee" },
});

/** Two old months, one of them past its retention, then lines of today with an anchor among them. */
async function fill(audit: Audit): Promise<readonly KnownHead[]> {
  await db.sql.query(`
    set session_replication_role = replica;
    delete from audit_logs; delete from audit_anchors; delete from audit_segments; delete from audit_before;
    drop table if exists kept_head;
    update audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex'), signature = null;
    insert into audit_before (at, actor, action, resource, result)
      select t, 'user' || n, 'old', 'x' || n, 'accepted' from unnest(array['2024-01-01', '2024-01-02',
        to_char(now() - interval '70 days', 'YYYY-MM-DD'), to_char(now() - interval '70 days', 'YYYY-MM-DD')]::timestamptz[]) with ordinality u(t, n);
    set session_replication_role = origin`);
  await audit.adopt();
  await audit.append(entry(0));
  await audit.retain(366);
  for (let i = 1; i < 5; i++) await audit.append(entry(i));
  await db.sql.query("create table kept_head as select * from audit_head");
  const seen: Observation[] = [];
  for (let i = 5; i < 9; i++) await audit.append(entry(i));
  await audit.anchor((observation) => seen.push(observation));
  await audit.append(entry(9));
  return seen.flatMap((one) => (one.kind === "audit.anchored" ? [{ seq: one.seq, hash: one.hash }] : []));
}

/** What a reader without the chain would notice: lines that miss a number. */
async function naive(): Promise<boolean> {
  const { ok } = await db.sql.one<{ ok: boolean }>(
    `select coalesce(max(seq) - min(seq) + 1 = count(*), true) as ok from audit_logs`,
  );
  return ok;
}

async function attack(kind: Kind, random: Random, guarded: boolean): Promise<string | undefined> {
  const audit = makeAudit(app, vault);
  const logged = await fill(audit);
  const before = await audit.verify(logged);
  if (!before.ok) return `the untouched chain does not verify: ${before.problems.join("; ")}`;
  const first = before.firstSeq ?? 1;
  const line = random.int(first + 2, before.head.seq - 2);
  const other = line + 1;
  await db.sql.query(
    `set session_replication_role = replica; ${kind.sql(line, other)}; set session_replication_role = origin`,
  );
  const ok = guarded ? (await audit.verify(logged)).ok : await naive();
  return ok ? `${kind.name} (line ${line}) was not found` : undefined;
}

catalogueRow({
  suite: "attacks",
  name: "audit log tampered",
  promise: "every kind of change is found by the chain",
  n: { small: kinds.length, large: 1000 },
  control: { without: "the chain", n: kinds.length },
  async run({ n, random, guarded }) {
    const violations: string[] = [];
    for (let i = 0; i < n; i++) {
      const found = await attack(kinds[i % kinds.length] as Kind, random, guarded);
      if (found !== undefined) violations.push(found);
    }
    return { trials: n, violations, figures: { kinds: kinds.length } };
  },
});
