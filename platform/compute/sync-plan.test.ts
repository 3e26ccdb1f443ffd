import fc from "fast-check";
import { expect, test } from "vitest";
import { type Found, planSync, type RoleWanted, type Wanted } from "./sync-plan.ts";

const owner: RoleWanted = { name: "orders", login: true, access: "owner", newVerifier: null };
const wanted: Wanted = {
  ...{ database: "orders", owner: "orders", roles: [owner], droppedRoles: [], extensions: [], droppedExtensions: [] },
};
const found: Found = {
  ...{ owner: "orders", publicMayConnect: false, groupsFollowOwner: true, extensions: ["plpgsql"] },
  roles: [{ name: "orders", login: true, mighty: false, verifier: "v", groups: [] }],
};
const words = (f: Found, w: Wanted) => planSync(f, w).map(({ what }) => what);
const texts = (f: Found, w: Wanted) => planSync(f, w).flatMap(({ statements }) => statements);

test("what is as wanted needs nothing", () => {
  expect(planSync(found, wanted)).toEqual([]);
});

test("a role that grew mighty is made plain again", () => {
  const mighty: Found = { ...found, roles: [{ name: "orders", login: true, mighty: true, verifier: "v", groups: [] }] };
  expect(texts(mighty, wanted)).toEqual([
    "alter role \"orders\" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit connection limit -1 valid until 'infinity'",
  ]);
});

test("read becomes write by membership, not by touching tables", () => {
  const reader: Found = {
    ...found,
    roles: [...found.roles, { name: "app", login: true, mighty: false, verifier: "v", groups: ["nebula_read"] }],
  };
  const app: RoleWanted = { name: "app", login: true, access: "write", newVerifier: null };
  expect(texts(reader, { ...wanted, roles: [owner, app] })).toEqual([
    'grant nebula_write to "app"',
    'revoke nebula_read from "app"',
  ]);
});

test("only what was declared once is dropped, and a dropped role's tables go to the owner", () => {
  const full: Found = {
    ...found,
    extensions: ["plpgsql", "vector", "hstore"],
    roles: [...found.roles, { name: "old", login: true, mighty: false, verifier: "v", groups: [] }],
  };
  expect(words(full, wanted)).toEqual([]);
  expect(words(full, { ...wanted, droppedRoles: ["old"], droppedExtensions: ["vector"] })).toEqual([
    "drop role old",
    "drop extension vector",
  ]);
  expect(texts(full, { ...wanted, droppedRoles: ["old"] })).toContain('reassign owned by "old" to "orders"');
  expect(texts(full, { ...wanted, droppedExtensions: ["vector"] }).join()).not.toMatch(/cascade/);
});

const roleName = fc.constantFrom("a", "b", 'we"ird', "c;d");
const access = fc.constantFrom("read" as const, "write" as const);
const extensions = fc.uniqueArray(fc.constantFrom("vector", "hstore", "uuid-ossp"));
const anyWanted = fc
  .record({
    roles: fc.uniqueArray(fc.record({ name: roleName, login: fc.boolean(), access }), { selector: (r) => r.name }),
    extensions,
  })
  .map(
    ({ roles, extensions }): Wanted => ({
      ...wanted,
      extensions,
      roles: [owner, ...roles.map((role) => ({ ...role, newVerifier: null }))],
    }),
  );

/** What the statements do, as far as the plan looks: an independent little model of Postgres. */
function apply(state: Found, { statements }: { statements: readonly string[] }): Found {
  let { roles, extensions: there } = state;
  const name = (text: string) => text.replaceAll('""', '"');
  for (const text of statements) {
    const role = /^(create|alter) role "((?:[^"]|"")+)" (login|nologin)/.exec(text);
    if (role) {
      const [, verb, quoted = "", login] = role;
      const old = roles.find((r) => r.name === name(quoted));
      if ((verb === "create") !== (old === undefined)) throw new Error(`cannot ${text}`);
      const groups = old?.groups ?? [];
      roles = roles
        .filter((r) => r !== old)
        .concat({ name: name(quoted), login: login === "login", mighty: false, verifier: null, groups });
    }
    const member = /^(grant|revoke) (\w+) (?:to|from) "((?:[^"]|"")+)"$/.exec(text);
    if (member) {
      const [, verb, group = "", quoted = ""] = member;
      roles = roles.map((r) => {
        if (r.name !== name(quoted)) return r;
        const rest = r.groups.filter((g) => g !== group);
        return { ...r, groups: verb === "grant" ? [...rest, group] : rest };
      });
    }
    const extension = /^(create|drop) extension "([^"]+)"/.exec(text);
    if (extension?.[2] !== undefined) {
      const one = extension[2];
      there = extension[1] === "create" ? [...there, one] : there.filter((e) => e !== one);
    }
    const dropped = /^drop role "((?:[^"]|"")+)"$/.exec(text);
    if (dropped) roles = roles.filter((r) => r.name !== name(dropped[1] ?? ""));
  }
  return { ...state, roles, extensions: there };
}

test("apply then plan yields nothing, from any wish to any other", () => {
  fc.assert(
    fc.property(anyWanted, anyWanted, (first, second) => {
      const after = planSync(found, first).reduce(apply, found);
      expect(planSync(after, first)).toEqual([]);
      const names = second.roles.map(({ name }) => name);
      const next: Wanted = {
        ...second,
        droppedRoles: first.roles.map(({ name }) => name).filter((name) => !names.includes(name)),
        droppedExtensions: first.extensions.filter((name) => !second.extensions.includes(name)),
      };
      const later = planSync(after, next).reduce(apply, after);
      expect(planSync(later, next)).toEqual([]);
      expect(later.roles.map(({ name }) => name).sort()).toEqual([...names].sort());
    }),
    { numRuns: 500 },
  );
});
