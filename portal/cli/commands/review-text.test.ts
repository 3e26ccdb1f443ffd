import { afterEach, expect, test, vi } from "vitest";
import { type Pull, printReview } from "./review-text.ts";

afterEach(() => vi.restoreAllMocks());

const sha = "5b9c0a".repeat(10);
const plan = {
  steps: [
    {
      ...{ kind: "change", database: "carts", risk: "none" },
      changes: [{ path: "migrations.0002_notes", from: null, to: sha, effect: "online", why: "runs at once" }],
    },
  ],
};
const migrations = [
  {
    ...{ database: "carts", files: ["0002_notes"], on: "a copy of acme.shop.carts" },
    findings: [
      {
        ...{
          level: "warn",
          id: "add-index",
          risk: "blocks",
          path: "tenants/acme/shop/carts/migrations/0002_notes.sql",
        },
        ...{
          line: 3,
          column: 1,
          message: "locks carts while it builds",
          hint: "Build it concurrently.",
          allowed: null,
        },
      },
    ],
    rehearsal: {
      ...{ problem: null, difference: ["+ table public.notes", "+ index \u001b[31mred"], byHand: [] },
      files: [
        {
          ...{ file: "0002_notes", path: "migrations/0002_notes.sql", ms: 4, adopted: false },
          statements: [
            { line: 3, ms: 2, locks: [{ mode: "ShareLock", table: "public.carts", rows: 1200, bytes: 8192 }] },
          ],
          rewrites: [],
        },
      ],
    },
  },
];
const problem = {
  ...{ file: "tenants/acme/shop/carts/migrations/0002_notes.sql", line: 3, column: 1, code: "NEB149" },
  ...{ message: "add-index: it locks", hint: "Build it concurrently.", frame: "> 3 | create index on carts (id);" },
};

function shown(lines: object): string {
  const written = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const review = { price: null, problems: [problem], notes: [], projects: [] as unknown[] };
  review.projects.push({ stack: "acme.shop", plan, quota: null, policy: [], migrations, ...lines });
  const pull = { number: 7, title: "t", state: "open", verdict: "failure", requestedBy: "ada", statuses: [], review };
  printReview({ ...pull, url: "http://x/7" } as unknown as Pull);
  return written.mock.calls.map(([text]) => String(text)).join("");
}

const inWords = {
  ...{ database: "carts", step: "change", what: "migrations 0002_notes added", effect: "online", why: "runs at once" },
};

test("a review in a terminal names migrations, not their hashes, and shows their rehearsal", () => {
  const text = shown({ lines: [inWords] });
  expect(text).toContain("migrations 0002_notes added");
  expect(text).not.toContain(sha);
  expect(text).toMatch(/Migrations of acme\.shop\.carts: 0002_notes\nrehearsed on a copy of acme\.shop\.carts/);
  for (const said of ["add-index (warn)", "0002_notes.sql:3", "lock ShareLock (2 ms)", "public.carts", "1200", "8 KiB"])
    expect(text).toContain(said);
  expect(text).toContain("+ table public.notes");
});

test("a finding has the lines around it, and nothing in a review steers the terminal", () => {
  const text = shown({ lines: [inWords] });
  expect(text).toMatch(/0002_notes\.sql:3:1 NEB149 .*\n {4}> 3 \| create index on carts \(id\);\n {2}-> Build it/);
  expect(text).not.toContain("\u001b");
});

test("a review by an older version is shown as it is", () => {
  expect(shown({})).toContain(`migrations.0002_notes: - -> ${sha}`);
});
