import { describe, expect, test } from "vitest";
import { resolveTenant } from "./resolve-project.ts";

const acme = { displayName: "Acme" };
const codes = (options: object): string[] => {
  const resolved = resolveTenant("acme", { ...acme, ...options });
  return resolved.kind === "ok" ? [] : resolved.problems.map(({ code, path }) => `${code} ${path.join(".")}`);
};
const secret = (name: string) => ({ kind: "secret", name });

describe("budgets and channels of a tenant", () => {
  test("are in its spec only where they are declared", () => {
    expect(resolveTenant("acme", acme)).toMatchObject({ kind: "ok" });
    const resolved = resolveTenant("acme", acme);
    expect(resolved.kind === "ok" && Object.keys(resolved.spec)).toEqual(["tenant", "displayName", "plan", "members"]);
  });

  test("have their defaults filled, and money in micro-units", () => {
    const resolved = resolveTenant("acme", {
      ...acme,
      budgets: [{ project: "store", monthly: "12.5", alerts: [100, 25, 25], atCap: "suspend" }, { monthly: 200 }],
      notify: [
        { email: "ops@acme.example", about: ["payment", "budget"] },
        { webhook: "https://hooks.acme.example/n", secret: secret("hook"), projects: ["store"] },
        { slack: secret("ops-slack") },
      ],
    });
    expect(resolved).toMatchObject({
      kind: "ok",
      spec: {
        budgets: [
          { project: null, monthlyMicros: 200_000_000, alerts: [50, 80, 100], atCap: "tell" },
          { project: "store", monthlyMicros: 12_500_000, alerts: [25, 100], atCap: "suspend" },
        ],
        notify: [
          { kind: "email", address: "ops@acme.example", about: ["budget", "payment"] },
          { kind: "webhook", url: "https://hooks.acme.example/n", secret: "hook", projects: ["store"] },
          { kind: "slack", secret: "ops-slack" },
        ],
      },
    });
  });

  test.each([
    ["nothing", { budgets: [{ monthly: 0 }] }, ["NEB560 budgets.0.monthly"]],
    ["less than nothing", { budgets: [{ monthly: "-5" }] }, ["NEB560 budgets.0.monthly"]],
    ["no number", { budgets: [{ monthly: Number.NaN }] }, ["NEB560 budgets.0.monthly"]],
    ["two of one project", { budgets: [{ monthly: 1 }, { monthly: 2 }] }, ["NEB117 budgets.1"]],
    ["an alert at nothing", { budgets: [{ monthly: 1, alerts: [0] }] }, ["NEB113 budgets.0.alerts.0"]],
    ["a misspelt option", { budgets: [{ monthly: 1, atcap: "tell" }] }, ["NEB110 budgets.0.atcap"]],
    ["a project of no name", { budgets: [{ monthly: 1, project: "Store" }] }, ["NEB116 budgets.0.project"]],
    ["nobody", { notify: [{ about: ["budget"] }] }, ["NEB561 notify.0"]],
    ["two at once", { notify: [{ email: "a@b.example", slack: secret("s") }] }, ["NEB561 notify.0"]],
    ["a webhook that nobody can believe", { notify: [{ webhook: "https://a.example" }] }, ["NEB561 notify.0"]],
    ["plain http", { notify: [{ webhook: "http://a.example", secret: secret("s") }] }, ["NEB111 notify.0.webhook"]],
    [
      "a topic that there is not",
      { notify: [{ email: "a@b.example", about: ["gossip"] }] },
      ["NEB129 notify.0.about.0"],
    ],
  ])("say what is wrong with %s", (_what, options, expected) => {
    expect(codes(options)).toEqual(expected);
  });

  test("an address that is a secret and stands in the declaration is not repeated in the refusal", () => {
    const resolved = resolveTenant("acme", {
      ...acme,
      notify: [{ slack: "https://hooks.slack.example/T0/B0/deadbeef" }],
    });
    expect(resolved.kind).toBe("invalid");
    expect(JSON.stringify(resolved)).not.toContain("deadbeef");
    expect(JSON.stringify(resolved)).toContain("reference to a secret");
  });
});
