import { describe, expect, it } from "vitest";
import { putBudget, removeBudget } from "./index.ts";

const file = "tenants/acme/tenant.ts";
const text = `import { tenant } from "@nebuladb/platform";

export default tenant({
  displayName: "Acme",
  budgets: [
    { monthly: "500" }, // agreed with finance
    { project: "shop", monthly: 120, alerts: [50, 100], atCap: "suspend" },
  ],
});
`;
const filesOf = (content: string) => new Map([[file, content]]);
const put = (content: string, more: object) =>
  putBudget(filesOf(content), { tenant: "acme", project: null, monthly: "500", ...more }).changes[0]?.content;

describe("a budget", () => {
  it("of a project is added as one line, and no other byte changes", () => {
    expect(put(text, { project: "lab", monthly: "20", atCap: "suspend" })).toBe(
      text.replace(
        'atCap: "suspend" },\n',
        'atCap: "suspend" },\n    { project: "lab", monthly: "20", atCap: "suspend" },\n',
      ),
    );
  });

  it("is the first of a tenant that had none", () => {
    const bare = 'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({ displayName: "Acme" });\n';
    expect(put(bare, { alerts: [80] })).toContain('budgets: [{ monthly: "500", alerts: [80] }]');
  });

  it("is changed where it stands, and keeps what was not named", () => {
    expect(put(text, { monthly: "600" })).toBe(text.replace('"500"', '"600"'));
    expect(put(text, { project: "shop", monthly: "120", alerts: [90] })).toBe(text.replace("[50, 100]", "[90]"));
    expect(put(text, { atCap: "suspend" })).toContain('{ monthly: "500", atCap: "suspend" }, // agreed');
  });

  it("that says it already, however it is written, is refused", () => {
    for (const same of [
      { monthly: "500.00" },
      { project: "shop", monthly: "120" },
      { project: "shop", monthly: "120", alerts: [50, 100] },
    ])
      expect(() => put(text, same)).toThrow(expect.objectContaining({ code: "NEB641" }));
  });

  it("is removed with its line; one that is not there is refused", () => {
    const after = removeBudget(filesOf(text), { tenant: "acme", project: "shop" }).changes[0]?.content;
    expect(after).toBe(text.replace(/ {4}\{ project: "shop".*\n/, ""));
    expect(() => removeBudget(filesOf(text), { tenant: "acme", project: "lab" })).toThrow(/acme\/lab has no budget/);
    expect(() => removeBudget(filesOf(text), { tenant: "other", project: null })).toThrow(/no tenant/);
  });

  it("that code makes is refused with the place", () => {
    const computed = text.replace(/budgets: \[[\s\S]*\],/, "budgets: all.map((monthly) => ({ monthly })),");
    expect(() => put(computed, { monthly: "1" })).toThrow(/tenant\.ts:5/);
  });
});
