import { describe, expect, test } from "vitest";
import { authorityAtBase, checkPolicy, checkQuota } from "../../platform/policy/index.ts";
import { priceDifference } from "../../platform/pricing/index.ts";
import { type DatabaseSpec, type FleetSpec, type ProjectSpec, stackName } from "../../platform/spec/index.ts";
import { planProject } from "../plan/index.ts";
import { assemble, type Findings } from "./assemble.ts";
import { commentMarker, renderComment } from "./comment.ts";
import { codeFrame } from "./frame.ts";
import { block, code, plain } from "./markdown.ts";
import { annotationsOf, statusesOf } from "./statuses.ts";
import type { TypeReport } from "./typecheck.ts";
import type { ProjectReview, Review } from "./types.ts";

const GiB = 1024 ** 3;
const fleet: FleetSpec = {
  quotas: { default: { cpuUnits: 10, memoryBytes: 20 * GiB, storageBytes: 100 * GiB, databases: 10 } },
  priceBook: {
    id: "2026-10",
    currency: "USD",
    prices: {
      computeUnitHourMicros: 50_000,
      storageGibMonthMicros: 120_000,
      backupGibMonthMicros: 20_000,
      egressGibMicros: 0,
      apiMillionRequestsMicros: 0,
    },
  },
  policies: {
    requiredTags: ["owner"],
    allowedExtensions: ["pgcrypto"],
    maxUnitsPerDatabase: 8,
    minBackupRetentionSeconds: 0,
    allowPublicNetwork: false,
    unreviewed: "stop",
    retireGraceSeconds: 0,
    drift: "report",
    prune: { databases: 1, percent: 10 },
  },
  providers: [{ name: "here", placement: "local", region: "local", engines: ["postgres"] }],
};
const authority = authorityAtBase({ baseCommit: "b".repeat(40), baseFleet: fleet, baseTenant: null });

const database = (name: string, change: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
  engine: "postgres",
  name,
  version: "18",
  compute: { minUnits: 0.25, maxUnits: 1, suspendAfterSeconds: 300 },
  storageBytes: 10 * GiB,
  replicas: 0,
  instances: 1,
  backups: { retentionSeconds: 7 * 86_400, pitr: true },
  extensions: [],
  roles: [],
  allowFrom: [],
  tags: { owner: "shop" },
  passwordSecret: null,
  engineOptions: {},
  retire: false,
  ...change,
});
const project = (...databases: DatabaseSpec[]): ProjectSpec => ({
  tenant: "acme",
  project: "shop",
  placement: "local",
  region: "local",
  quota: null,
  databases,
});

function projectReview(from: ProjectSpec | null, to: ProjectSpec, change: Partial<ProjectReview> = {}): ProjectReview {
  return {
    stack: stackName(to.tenant, to.project),
    tenant: to.tenant,
    project: to.project,
    kind: from === null ? "added" : "changed",
    tree: "t".repeat(40),
    plan: planProject(from, to),
    price: priceDifference(from, to, fleet.priceBook),
    quota: checkQuota(to, authority.granted, from),
    policy: checkPolicy(to, authority, from),
    waiting: [],
    preview: { kind: "done", summary: "1 to create, 1 to update", text: "+ nebula:index:Database carts\n~ orders" },
    sources: {},
    ...change,
  };
}

const noProblem: TypeReport = { kind: "ok" };

function review(
  projects: readonly ProjectReview[],
  change: Partial<Pick<Findings, "problems" | "notes">> & { readonly types?: TypeReport } = {},
): Review {
  return assemble(
    {
      about: {
        ...{ repository: "nebula/tenants", number: 7, head: "a".repeat(40), base: "b".repeat(40) },
        ...{ author: "ada@acme.example", touched: [] },
      },
      types: { report: change.types ?? noProblem, files: 2 },
      problems: change.problems ?? [],
      notes: change.notes ?? [],
      projects,
    },
    { reviewedAt: "2026-10-01T00:00:00.000Z", durationMs: 1234 },
  );
}

describe("the comment", () => {
  test("says verdict, risk, money and quota in its first lines", async () => {
    const from = project(database("orders"));
    const to = project(
      database("orders", { compute: { minUnits: 0.25, maxUnits: 2, suspendAfterSeconds: 300 } }),
      database("carts", { extensions: ["pgcrypto"] }),
    );
    const text = renderComment(review([projectReview(from, to)]));
    await expect(text).toMatchFileSnapshot("golden/ready.md");
    const first = text.split("\n").slice(0, 6).join("\n");
    for (const word of ["Ready to merge", "restart", "USD a month", "10 CPU"]) expect(first).toContain(word);
  });

  test("tells each reason why a step is blocked in a row of its own", () => {
    const to = project(database("orders", { version: "17", storageBytes: GiB }));
    const found = review([projectReview(project(database("orders", { storageBytes: 5 * GiB })), to)]);
    expect(found.checks.plan.summary).toMatch(/^1 step blocked: /);
    const text = renderComment(found);
    expect(text).toMatch(/\*\*NEB212\*\* \| `orders` \| orders has 5Gi; it cannot shrink to 1Gi \| Keep the size/);
    expect(text).toMatch(/\*\*NEB213\*\* \| `orders` \| orders runs 18; it cannot go down to 17 \| A data folder/);
  });

  test("names the branches that are made for it, and how to get to them", () => {
    const from = project(database("orders"));
    const to = project(database("orders", { compute: { minUnits: 0.25, maxUnits: 2, suspendAfterSeconds: 300 } }));
    const branches = [{ name: "pr-7-orders", of: "orders", monthMicros: 4_200_000, currency: "USD" }];
    const text = renderComment(review([projectReview(from, to, { branches })]));
    expect(text).toContain("`pr-7-orders` is a branch of `orders` while this is open");
    expect(text).toContain("`nebula db url acme/shop/pr-7-orders`");
    expect(renderComment(review([projectReview(from, to)]))).not.toContain("branch of");
  });

  test("shows what is refused and how to go on", async () => {
    const from = project(database("orders"), database("old", { storageBytes: 20 * GiB }));
    const to = project(
      database("orders", { storageBytes: 5 * GiB }),
      database("huge", {
        compute: { minUnits: 1, maxUnits: 9, suspendAfterSeconds: 0 },
        storageBytes: 200 * GiB,
        tags: {},
      }),
    );
    const notes = [
      {
        check: "policy",
        severity: "warn",
        code: "NEB393",
        message: "changes outside the tenants' declarations",
        hint: "A Platform Admin must approve them.",
        paths: ["tenants/fleet/prices.ts", "package.json"],
      },
    ] as const;
    const refused = review([projectReview(from, to, { preview: { kind: "pending" } })], { notes });
    await expect(renderComment(refused)).toMatchFileSnapshot("golden/refused.md");
  });

  test("shows the exact place of a broken declaration", async () => {
    const file = "tenants/acme/shop/orders.ts";
    const text =
      'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("orders", {\n\tstorag: "10Gi",\n});\n';
    const problem = {
      file,
      line: 4,
      column: 2,
      code: "NEB103",
      message: "unknown option `storag`",
      hint: "Did you mean storage?",
      frame: codeFrame(text, 4, 2),
    };
    const broken = projectReview(null, project(), { kind: "broken", plan: null, price: null, quota: null, policy: [] });
    const refused = review([broken], {
      problems: [problem],
      types: { kind: "problems", problems: [{ ...problem, code: "NEB150", message: "unknown property (TS2561)" }] },
    });
    await expect(renderComment(refused)).toMatchFileSnapshot("golden/broken.md");
    expect(annotationsOf(refused)).toEqual([
      expect.objectContaining({ path: file, startLine: 4, startColumn: 2, level: "failure" }),
    ]);
  });

  test("of a change that means nothing is three lines", async () => {
    const same = project(database("orders"));
    const one = projectReview(same, same, { kind: "same", preview: { kind: "skipped", reason: "nothing changes" } });
    await expect(renderComment(review([one]))).toMatchFileSnapshot("golden/same.md");
  });

  test("fits into what a Git host accepts, however much is wrong", () => {
    const problem = {
      file: "f.ts",
      line: 1,
      column: 1,
      code: "NEB100",
      message: "x".repeat(2_000),
      hint: "",
      frame: "> 1 | x",
    };
    const from = project(...Array.from({ length: 300 }, (_, i) => database(`d${i}`)));
    const huge = projectReview(null, from, { preview: { kind: "done", summary: "many", text: "x\n".repeat(100_000) } });
    const text = renderComment(review([huge], { problems: Array.from({ length: 500 }, () => problem) }));
    expect(text.length).toBeLessThan(65_000);
    expect(text).toContain("more problems");
  });

  test("carries its marker and is the same for the same review", () => {
    const one = review([projectReview(null, project(database("orders")))]);
    expect(renderComment(one).startsWith(commentMarker)).toBe(true);
    expect(renderComment(one)).toBe(renderComment(structuredClone(one)));
  });
});

describe("text of strangers", () => {
  test.each([
    "@everyone look",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![p](https://evil.example/p.png)",
    "<!-- nebuladb:review -->",
    "| a | b |\n|---|---|",
    "# title\n- [ ] task",
    "https://evil.example",
  ])("%j neither formats, links nor mentions", (text) => {
    const shown = plain(text);
    expect(shown).not.toMatch(/(^|[^\\])[<>*`[\]|]|@|:\/\/|\n/);
  });

  test("cannot close the code that it stands in", () => {
    expect(block("a\n```\nb")).toBe("````\na\n```\nb\n````");
    expect(code("a`b")).toBe("`` a`b ``");
  });
});

describe("a code frame", () => {
  test("marks the column, and shows nothing that cannot be seen", () => {
    expect(codeFrame("one\n\ttwo\u202e\nthree", 2, 2)).toBe("  1 | one\n> 2 |  two·\n    |  ^\n  3 | three");
  });
  test("of a line that is not there is none", () => expect(codeFrame("one", 4, 1)).toBeNull());
});

test("every required status has its context and a state", () => {
  expect(statusesOf(review([])).map(({ context }) => context)).toEqual([
    "nebula/types",
    "nebula/plan",
    "nebula/policy",
    "nebula/quota",
    "nebula/preview",
  ]);
});
