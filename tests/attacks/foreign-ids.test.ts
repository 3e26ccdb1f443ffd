import { afterAll, beforeAll } from "vitest";
import { issueToken, type Role, roleScopes, roles, type Scope } from "../../platform/identity/index.ts";
import { enqueueOperation } from "../../platform/store/index.ts";
import { routes } from "../../portal/api/index.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { certain, quantile, welch } from "../harness/welch.ts";
import { type Entry, type Examples, namesTenantThing, pathFor } from "../portal/examples.ts";
import { type HostedPortal, startHostedPortal } from "../portal/hosted.ts";
import { declareTenants, tenantOf } from "../portal/people.ts";

/*
 * The tenant `shop` has one of everything; `bank` has people of every role, who ask for it by its true ids. The oracle is what
 * the same person is told of an id that does not exist. It is 404 for each of them, also for who holds the right nowhere: being
 * refused would already tell that rights are looked at before it is known whose the thing is.
 */
const tenantFile = 'import { tenant } from "@nebuladb/platform";\nexport default tenant({ displayName: "x" });\n';
const projectFile = 'import { project } from "@nebuladb/platform";\nexport default project();\n';
const names: Examples = {
  ...{ domain: "shop", tenant: "shop", project: "store", database: "orders", name: "ci" },
  address: "shop.store.orders",
};

let hosted: HostedPortal;
let ids: Examples;
let examples: Examples;
/** What the same people have of their own: there a missing right is told. */
let own: { readonly examples: Examples; readonly ids: Examples };

beforeAll(async () => {
  const seed = ["shop", "bank"].flatMap((tenant) => [
    [`tenants/${tenant}/tenant.ts`, tenantFile] as const,
    [`tenants/${tenant}/store/project.ts`, projectFile] as const,
  ]);
  const plenty = ["failures", "user", "key", "writes", "metrics-user"].map((rule) => `${rule}=1000000`);
  hosted = await startHostedPortal(new Map(seed), { rules: plenty.join(",") });
  const { sql } = hosted.portal;
  await declareTenants(sql, [tenantOf("shop", []), tenantOf("bank", [])]);
  const { id: operations } = await enqueueOperation(sql, { stack: "shop.store", type: "PAUSE", requestedBy: "ada" });
  ids = { operations, keys: (await keyOf("viewer", "shop")).id };
  const number = await hosted.open("theirs", { "tenants/shop/store/orders.ts": "// theirs\n" });
  examples = { ...names, number: String(number) };
  const mine = await hosted.open("ours", { "tenants/bank/store/orders.ts": "// ours\n" });
  const { id } = await enqueueOperation(sql, { stack: "bank.store", type: "PAUSE", requestedBy: "bob" });
  own = {
    examples: { ...names, domain: "bank", tenant: "bank", address: "bank.store.orders", number: String(mine) },
    ids: { operations: id },
  };
}, 180_000);
afterAll(() => hosted.close());

const guarded = routes.filter(({ scope }) => scope !== "public");
const naming = guarded.filter(namesTenantThing);
const strangers = roles.filter((role) => role !== "platform-admin");

const keyOf = async (role: Role, tenant: string) => {
  const place = { tenant: role === "platform-admin" ? null : tenant, project: null };
  const grant = { name: "attack", user: "eve", role, ...place, expiresAt: null };
  const { text, row } = await issueToken(hosted.portal.sql, null, grant, "test");
  return { text: text.reveal(), id: row.id };
};

const ask = async (token: string, entry: Entry, path: string) => {
  const body = entry.body === undefined ? undefined : {};
  const answer = await hosted.portal.as(token).send(entry.method.toUpperCase(), path, body, { "if-match": "*" });
  return { status: answer.status, body: { ...answer.body, instance: "" } };
};

catalogueRow({
  suite: "attacks",
  name: "every route with another tenant's id",
  promise: "it is told what an id is told that does not exist",
  n: { small: naming.length * strangers.length, large: naming.length * strangers.length },
  run: foreign,
  control: { without: "the tenant in the attacker's rights", n: naming.length },
  timeoutMs: 180_000,
});

async function foreign({ guarded: isGuarded }: RowInput): Promise<Trials> {
  const violations: string[] = [];
  let trials = 0;
  for (const role of strangers)
    for (const entry of naming) {
      const told = await ask(await tokenOf(role, isGuarded), entry, pathFor(entry, examples, ids));
      const unknown = await ask(await tokenOf(role, true), entry, pathFor(entry, { number: "999999" }));
      trials++;
      const isSame = told.status === unknown.status && JSON.stringify(told.body) === JSON.stringify(unknown.body);
      if (!isSame || told.status !== 404)
        violations.push(`${role} ${entry.operationId}: ${told.status} and not ${unknown.status}`);
    }
  return { trials, violations };
}

/** Each asks once: some routes end the key that they are asked with. Off: the key is of the tenant that it attacks. */
async function tokenOf(role: Role, isGuarded: boolean): Promise<string> {
  const { text, id } = await keyOf(role, "bank");
  if (!isGuarded) await hosted.portal.sql.query("update principals set tenant = 'shop' where id = $1", [id]);
  return text;
}

catalogueRow({
  suite: "attacks",
  name: "every role x every operation",
  promise: "exactly the role table decides",
  n: { small: guarded.length * roles.length, large: guarded.length * roles.length },
  run: everyRole,
  control: { without: "the role in the key's row", n: guarded.length },
  timeoutMs: 180_000,
});

async function everyRole({ guarded: isGuarded }: RowInput): Promise<Trials> {
  const violations: string[] = [];
  let trials = 0;
  for (const role of roles)
    for (const entry of guarded) {
      const { text, id } = await keyOf(role, "bank");
      if (!isGuarded) await hosted.portal.sql.query("update principals set role = 'domain-admin' where id = $1", [id]);
      const { status, body } = await ask(text, entry, pathFor(entry, own.examples, own.ids));
      trials++;
      const isRefused = status === 403 && body.code === "NEB662" && body.scope === entry.scope;
      if (isRefused === roleScopes[role].has(entry.scope as Scope))
        violations.push(`${role} ${entry.operationId}: ${status} ${body.code ?? ""}`);
    }
  return { trials, violations };
}

/** Of those that look something up by an id which says nothing of its tenant. */
const timed = ["operations.show", "operations.events", "operations.cancel", "pulls.show", "keys.revoke"];

catalogueRow({
  suite: "attacks",
  name: "another tenant's id by its time",
  promise: "the answer takes as long as that of an id that does not exist (|t| < 4.5)",
  n: { small: 5 * 250, large: 5 * 2_500 },
  run: byTime,
  control: { without: "looking up as if it were not there", n: 5 * 50 },
  timeoutMs: 180_000,
});

async function byTime({ n, guarded: isGuarded }: RowInput): Promise<Trials> {
  const violations: string[] = [];
  const figures: Record<string, number> = {};
  // A viewer lacks what cancelling needs: neither the right nor the lack of it may show in the time.
  const token = (await keyOf("viewer", isGuarded ? "bank" : "shop")).text;
  for (const operationId of timed) {
    const entry = routes.find((each) => each.operationId === operationId) as Entry;
    // Without the protection a key that is there would be revoked once: it is looked at by the others.
    if (!isGuarded && operationId === "keys.revoke") continue;
    const paths = [pathFor(entry, examples, ids), pathFor(entry, { number: "999999" })];
    const times: number[][] = [[], []];
    const pair = async (at: number) => {
      for (const kind of at % 2 === 0 ? [0, 1] : [1, 0]) {
        const begun = performance.now();
        await ask(token, entry, paths[kind] ?? "");
        times[kind]?.push(performance.now() - begun);
      }
    };
    const pairs = Math.ceil(n / timed.length);
    // One at a time without the protection: on a busy machine eight at once take as long as the beat that is to be seen missing.
    const lanes = isGuarded && operationId === "pulls.show" ? 8 : 1;
    for (let at = -8; at < 0; at++) await pair(at);
    times[0]?.splice(0);
    times[1]?.splice(0);
    for (let at = 0; at < pairs; at += lanes)
      await Promise.all(Array.from({ length: lanes }, (_, lane) => pair(at + lane)));
    const t = welch(times[0] ?? [], times[1] ?? []);
    figures[`absoluteT ${operationId}`] = Math.abs(t);
    if (Math.abs(t) >= certain) {
      const medians = times.map((each) => quantile(each, 0.5).toFixed(2)).join(" and ");
      violations.push(`${operationId}: t = ${t.toFixed(1)}, medians ${medians} ms`);
    }
  }
  return { trials: Math.ceil(n / timed.length) * timed.length, violations, figures };
}
