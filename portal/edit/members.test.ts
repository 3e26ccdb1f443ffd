import { describe, expect, it } from "vitest";
import { putMember, removeMember } from "./index.ts";

const file = "tenants/acme/tenant.ts";
const text = `import { tenant } from "@nebuladb/platform";

// Who may do what.
export default tenant({
  displayName: "Acme",
  members: [
    { user: "ada@acme.example", role: "domain-admin" }, // founder
    { user: 'bob@acme.example', role: "developer", projects: ["shop"] },
  ],
});
`;
const filesOf = (content: string) => new Map([[file, content]]);
const added = (content: string, part: object = {}) =>
  putMember(filesOf(content), {
    tenant: "acme",
    user: "eve@acme.example",
    role: "viewer",
    projects: null,
    ...part,
  }).changes[0]?.content;

describe("a member", () => {
  it("is added as one line, and no other byte changes", () => {
    expect(added(text)).toBe(
      text.replace('["shop"] },\n', '["shop"] },\n    { user: "eve@acme.example", role: "viewer" },\n'),
    );
  });

  it("gets a role and projects of its own, found whatever the letters' case", () => {
    expect(added(text, { user: "BOB@acme.example", role: "project-admin", projects: ["shop", "lab"] })).toBe(
      text.replace('role: "developer", projects: ["shop"]', 'role: "project-admin", projects: ["shop", "lab"]'),
    );
    expect(added(text, { user: "bob@acme.example", role: "developer" })).toBe(text.replace(', projects: ["shop"]', ""));
  });

  it("is removed with its line", () => {
    const after = removeMember(filesOf(text), { tenant: "acme", user: "Ada@acme.example" }).changes[0]?.content;
    expect(after).toBe(text.replace(/ {4}\{ user: "ada.*\n/, ""));
  });

  it("is the first of a tenant that had none", () => {
    const bare = 'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({ displayName: "Acme" });\n';
    expect(added(bare)).toContain('members: [{ user: "eve@acme.example", role: "viewer" }]');
  });

  it("that says it already, that is none, or that code makes is refused with the place", () => {
    expect(() => added(text, { user: "ada@acme.example", role: "domain-admin" })).toThrow(/already/);
    expect(() => removeMember(filesOf(text), { tenant: "acme", user: "nobody" })).toThrow(/no member/);
    expect(() => removeMember(filesOf(text), { tenant: "other", user: "nobody" })).toThrow(/no tenant/);
    const computed = text.replace(/members: \[[\s\S]*\],/, "members: people.map((user) => ({ user })),");
    expect(() => added(computed)).toThrow(/tenant\.ts:6/);
    const shared = `const staff = [{ user: "x", role: "viewer" }];\nexport const others = staff;\n${text.replace(/members: \[[\s\S]*\],/, "members: staff,")}`;
    expect(() => added(shared)).toThrow(/staff/);
  });

  it("never becomes code, whatever the name", () => {
    const after = added(text, { user: 'x", role: "domain-admin" }, { user: "y' }) ?? "";
    expect(after).toContain('user: "x\\", role: \\"domain-admin\\" }, { user: \\"y"');
  });
});
