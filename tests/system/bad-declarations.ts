/** Declarations that a review refuses, with what it says of them. */
import type { Files } from "./developer.ts";

export const shop = "tenants/acme/shop";
export const papers = "tenants/lab/research/papers.ts";
const long = "r".repeat(63);

export type BadDeclaration = {
  readonly title: string;
  /** What is written, beside what `read` shows of main. */
  readonly files: (read: (file: string) => string) => Files;
  readonly failing: readonly string[];
  /** Each stands in the comment: codes, places, what to do. */
  readonly says: readonly string[];
};

const declaration = (name: string, options: string, before = "") =>
  `import { Postgres } from "@nebuladb/platform";\n\n${before}export default new Postgres("${name}", {\n  version: "18",\n  ${options},\n});\n`;

export const badDeclarations: readonly BadDeclaration[] = [
  {
    title: "a type error",
    files: () => ({
      [`${shop}/typed.ts`]: declaration("typed", "tags: { owner: String(owner) }", 'const owner: number = "shop";\n'),
    }),
    failing: ["types"],
    says: ["NEB150", `${shop}/typed.ts:3:7`, "not assignable to type 'number'", "npm run check"],
  },
  {
    title: "a syntax error",
    files: () => ({ [`${shop}/broken.ts`]: declaration("broken", 'storage: "1Gi" tags: {}') }),
    failing: ["types", "plan", "policy", "quota", "preview"],
    says: ["NEB100", `${shop}/broken.ts:5:18`, "',' expected", "Correct the text"],
  },
  {
    title: "an unknown field",
    files: () => ({ [`${shop}/unknown.ts`]: declaration("unknown", 'storag: "1Gi"') }),
    failing: ["types", "plan"],
    says: ["NEB110", `${shop}/unknown.ts:5:3`, 'Did you mean "storage"?'],
  },
  {
    title: "a wrong unit",
    files: () => ({ [`${shop}/unit.ts`]: declaration("unit", 'storage: "10GB"') }),
    failing: ["types", "plan"],
    says: ["NEB112", `${shop}/unit.ts:5:12`, "Write a number and Mi, Gi or Ti"],
  },
  {
    title: "one name twice in a list",
    files: () => ({
      [`${shop}/pair.ts`]: `import { Postgres } from "@nebuladb/platform";\n\nexport default [\n  new Postgres("twin", { version: "18" }),\n  new Postgres("twin", { version: "18" }),\n];\n`,
    }),
    failing: ["plan"],
    says: ["NEB117", `${shop}/pair.ts:5:3`, `${shop}/pair.ts:4 as well`, "Give one of them another name"],
  },
  {
    title: "a name that another file of the project has",
    files: () => ({
      [`${shop}/more.ts`]: `import { Postgres } from "@nebuladb/platform";\n\nexport default [new Postgres("orders", { version: "18" })];\n`,
    }),
    failing: ["plan"],
    says: ["NEB117", `${shop}/orders.ts`, "Give one of them another name"],
  },
  {
    title: "roles that collide after 63 bytes",
    files: () => ({
      [`${shop}/roles.ts`]: declaration(
        "roles",
        `roles: [\n    { name: "${long}", access: "read" },\n    { name: "${long}b", access: "read" },\n  ]`,
      ),
    }),
    failing: ["plan"],
    says: ["NEB118", `${shop}/roles.ts:7:13`, "make the names differ inside those"],
  },
  {
    title: "a database moved to another project's folder",
    files: (read) => ({ [`${shop}/orders.ts`]: null, "tenants/lab/research/orders.ts": read(`${shop}/orders.ts`) }),
    failing: ["plan", "policy", "preview"],
    says: ["NEB209", "acme/shop/orders", "lab/research/orders", "Put it back", "NEB208"],
  },
  {
    title: "a repository emptied of declarations",
    files: () => ({ tenants: null }),
    failing: ["plan", "policy", "preview"],
    says: ["NEB210", "NEB128", "acme/analytics", "Put the folder back"],
  },
  {
    title: "a project's folder deleted",
    files: () => ({ [shop]: null }),
    failing: ["plan", "policy", "preview"],
    says: ["NEB210", "acme/shop", "catalog, orders", "Put the folder back, retire each database"],
  },
  {
    title: "a conflict with what was merged meanwhile",
    files: (read) => ({ [papers]: read(papers).replace('team: "library"', 'team: "archive"') }),
    failing: ["plan", "preview"],
    says: ["NEB390", papers, "Merge the base branch into it, resolve the conflict and push"],
  },
];
