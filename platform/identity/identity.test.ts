import { describe, expect, it } from "vitest";
import {
  can,
  fits,
  holds,
  makeToken,
  mayGrant,
  type Principal,
  parseToken,
  roleScopes,
  roles,
  scopes,
} from "./index.ts";

const principal = (part: Partial<Principal>): Principal => ({
  id: "x",
  name: "x",
  kind: "token",
  user: "ada",
  grants: [{ role: "developer", tenant: "shop", project: null }],
  scopes: null,
  database: null,
  ...part,
});

describe("a token", () => {
  it("parses to the id and hash it was made with", () => {
    const token = makeToken("live");
    expect(parseToken(token.text.reveal())).toEqual({ environment: "live", id: token.id, hash: token.hash });
  });

  it("is refused by its checksum when any one character is changed", () => {
    const text = makeToken("test").text.reveal();
    for (let at = "ndb_test_".length; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === "7" ? "8" : "7"}${text.slice(at + 1)}`;
      expect(parseToken(changed), `position ${at}`).toBeUndefined();
    }
  });

  it.each(["", "ndb_", "Bearer x", "ndb_prod_a_b", `ndb_live_${"a".repeat(26)}_${"b".repeat(49)}`])(
    "%j is no token",
    (text) => expect(parseToken(text)).toBeUndefined(),
  );

  it("does not show itself when printed", () => {
    const token = makeToken("live");
    expect(`${token.text} ${JSON.stringify(token.text)}`).not.toContain(token.id);
  });
});

describe("the role table", () => {
  it("gives the platform's administrator every scope and nobody else the fleet", () => {
    expect([...roleScopes["platform-admin"]].sort()).toEqual([...scopes].sort());
    for (const role of roles.filter((each) => each !== "platform-admin"))
      expect(roleScopes[role].has("fleet:write"), role).toBe(false);
  });

  it("shows credentials neither to viewers nor to billing", () => {
    for (const role of ["viewer", "billing-viewer"] as const)
      expect(roleScopes[role].has("credentials:read")).toBe(false);
  });
});

describe("reach", () => {
  it("ends at the principal's tenant and project, whatever the role", () => {
    for (const role of roles.filter((each) => each !== "platform-admin")) {
      const inProject = principal({ grants: [{ role, tenant: "shop", project: "store" }] });
      for (const scope of scopes) {
        expect(can(inProject, scope, { tenant: "bank", project: "store" })).toBe(false);
        expect(can(inProject, scope, { tenant: "shop", project: "other" })).toBe(false);
        expect(can(inProject, scope, { tenant: "shop", project: null })).toBe(false);
        expect(can(inProject, scope, { tenant: "shop", project: "store" })).toBe(holds(inProject, scope));
      }
    }
  });
});

describe("a grant", () => {
  it("never exceeds its maker", () => {
    for (const maker of roles)
      for (const role of roles) {
        const from = principal({
          grants: [{ role: maker, tenant: maker === "platform-admin" ? null : "shop", project: null }],
        });
        const more = [...roleScopes[role]].some((scope) => !roleScopes[maker].has(scope));
        expect(mayGrant(from, { role, tenant: "shop", project: null }), `${maker} -> ${role}`).toBe(!more);
        if (maker !== "platform-admin") expect(mayGrant(from, { role, tenant: "bank", project: null })).toBe(false);
      }
  });

  it("fits its role", () => {
    expect(fits({ role: "platform-admin", tenant: "shop", project: null })).toBe(false);
    expect(fits({ role: "domain-admin", tenant: "shop", project: "store" })).toBe(false);
    expect(fits({ role: "viewer", tenant: null, project: null })).toBe(false);
    expect(fits({ role: "viewer", tenant: "shop", project: "store" })).toBe(true);
  });
});
