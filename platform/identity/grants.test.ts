import { expect, test } from "vitest";
import type { TenantSpec } from "../spec/index.ts";
import { indexMembers, personGrants } from "./grants.ts";

const tenant = (user: string): TenantSpec => ({
  ...{ tenant: "shop", displayName: "Shop", plan: "standard" },
  members: [{ user, role: "developer", projects: null }],
});
const person = { id: "usr_1", email: "Ada@Shop.example", emailVerified: true, platformAdmin: false };
const grants = (member: string, identities: Parameters<typeof personGrants>[2] = []) =>
  personGrants(indexMembers([tenant(member)]), person, identities);
const linked = (subject: string, provider: string) => [{ subject, provider }] as Parameters<typeof personGrants>[2];

test("an address counts whatever its case, once it is verified", () => {
  expect(grants("ada@shop.EXAMPLE")).toEqual([{ role: "developer", tenant: "shop", project: null }]);
  expect(personGrants(indexMembers([tenant("ada@shop.example")]), { ...person, emailVerified: false }, [])).toEqual([]);
});

test("a provider's id is another one in another case", () => {
  const issuer = "oidc:https://login.example";
  expect(grants(`aB3@${issuer}`, linked("aB3", issuer))).toHaveLength(1);
  expect(grants(`aB3@${issuer}`, linked("ab3", issuer))).toEqual([]);
  expect(grants("583231@github", linked("583231", "github"))).toHaveLength(1);
});
