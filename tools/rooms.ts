/**
 * The import law. A room imports strictly lower ranks only; equal ranks do not know each other; other rooms come in through
 * `index.ts`; each heavy dependency has one door. `node tools/rooms.ts` checks it and that the picture in docs/architecture.md
 * is today's; `--write` draws it anew.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import ts from "typescript";

type Room = { readonly rank: number; readonly says: string };

/** Longest prefix wins. Rank -1 speaks HTTP only and imports no other room. */
export const rooms: Readonly<Record<string, Room>> = {
  tenants: { rank: 3, says: "declarations" },
  "platform/core": { rank: 0, says: "errors, observations, clock, scope, secrets" },
  "platform/spec": { rank: 1, says: "ProjectSpec: schema, hash, names" },
  "platform/sql": { rank: 1, says: "door to pg" },
  "platform/git": { rank: 1, says: "door to git" },
  "platform/grammar": { rank: 1, says: "door to Postgres's own grammar" },
  "platform/syntax": { rank: 1, says: "door to the TypeScript parser" },
  "platform/declare": { rank: 2, says: "the vocabulary tenants import" },
  "platform/pricing": { rank: 2, says: "price book and rating" },
  "platform/policy": { rank: 2, says: "quota and policy" },
  "platform/webhooks": { rank: 1, says: "Standard Webhooks: signed, sent, tried again" },
  "platform/stripe": { rank: 2, says: "door to Stripe" },
  "platform/mail": { rank: 1, says: "door to SMTP" },
  "platform/objects": { rank: 1, says: "whole things by name, sealed; door to S3" },
  "platform/files": { rank: 2, says: "keys and signatures of buckets" },
  "platform/github": { rank: 2, says: "door to Octokit" },
  "platform/telemetry": { rank: 2, says: "what is measured of a database, and its names" },
  "platform/store": { rank: 2, says: "the ledger in Postgres" },
  observability: { rank: 3, says: "rules, alerts and dashboards, as data" },
  "platform/evaluate": { rank: 3, says: "declarations to specs, sandboxed" },
  "platform/metering": { rank: 3, says: "usage events in and out, and what they are worth" },
  "platform/keys": { rank: 3, says: "keys that seal, key services, rotation" },
  "platform/identity": { rank: 3, says: "people, sessions, keys, roles, scopes" },
  "platform/compute": { rank: 3, says: "start, stop, observe a database" },
  "platform/billing": { rank: 3, says: "months to invoices, explained and exported" },
  "platform/notify": { rank: 4, says: "news to those whom a tenant names" },
  "platform/spending": { rank: 4, says: "what a month costs and will cost, budgets, unusual days" },
  "platform/savings": { rank: 5, says: "what would cost less, and the change that makes it so" },
  "platform/transfer": { rank: 4, says: "data from a running Postgres" },
  "platform/ownership": { rank: 4, says: "whose a file is, who may change it" },
  "platform/backup": { rank: 4, says: "backups, restores, branches of databases" },
  "platform/migrations": { rank: 4, says: "migrations of databases: read, judged, rehearsed, run" },
  "platform/advise": { rank: 4, says: "what is amiss in a schema: lints over the catalog" },
  "platform/typings": { rank: 4, says: "TypeScript types of a schema" },
  "platform/components": { rank: 4, says: "Pulumi components and resources" },
  "platform/provider": { rank: 4, says: "the nebula Pulumi provider" },
  "platform/program.ts": { rank: 5, says: "what `pulumi up` runs" },
  "reconciler/plan": { rank: 4, says: "(specs, observed) to steps" },
  "reconciler/source": { rank: 5, says: "the wanted revision" },
  "reconciler/deploy": { rank: 5, says: "door to the Automation API" },
  "reconciler/observe": { rank: 5, says: "status" },
  "reconciler/drift": { rank: 5, says: "what runs against what is declared" },
  "reconciler/usage": { rank: 5, says: "samples to invoice" },
  "reconciler/metrics": { rank: 5, says: "how databases are doing, and what Prometheus reads" },
  "reconciler/backup": { rank: 5, says: "when databases are backed up" },
  "reconciler/storage": { rank: 5, says: "how full databases are, and what follows" },
  "reconciler/branches": { rank: 5, says: "branches that begin or end without a commit" },
  "reconciler/billing": { rank: 6, says: "when months are closed and who is told" },
  "reconciler/budgets": { rank: 6, says: "budgets looked at, holds kept" },
  "reconciler/payments": { rank: 6, says: "invoices with the payment service, and dunning" },
  "reconciler/review": { rank: 6, says: "checks on pull requests" },
  "reconciler/reconcile.ts": { rank: 7, says: "the stages in order" },
  "reconciler/main.ts": { rank: 8, says: "the reconciler's process" },
  "portal/edit": { rank: 5, says: "AST in, AST out" },
  "portal/forge": { rank: 5, says: "the embedded Git host" },
  "portal/auth": { rank: 5, says: "sign-in flows" },
  "portal/metrics": { rank: 5, says: "figures of databases, kept and served" },
  "portal/api": { rank: 6, says: "the portal API" },
  "portal/install": { rank: 7, says: "the first start: repository, App, hook, first tokens" },
  "portal/process": { rank: 8, says: "what the portal is told, and how its parts are opened" },
  "portal/main.ts": { rank: 9, says: "the portal's process" },
  "portal/cli": { rank: -1, says: "product commands over HTTP" },
  "gateway/tls": { rank: 5, says: "the platform's CA and the gateway's certificate" },
  "gateway/keeper": { rank: 5, says: "when a database runs: wake, freeze, sleep" },
  "gateway/scaler": { rank: 5, says: "how large a database is: compute units between min and max" },
  "gateway/standbys": { rank: 5, says: "standbys, and which of them takes a primary's place" },
  "gateway/wire": { rank: 6, says: "Postgres protocol: route, authenticate, wake, relay" },
  "gateway/pool": { rank: 6, says: "the pooled endpoint: PgBouncer, its doors and its answers" },
  "gateway/rest": { rank: 6, says: "the data API's dialect: request to SQL to answer" },
  "gateway/changes": { rank: 6, says: "changed rows: webhooks, and the stream that listeners read" },
  "gateway/web": { rank: 7, says: "the data API over HTTP: who may, how often, what is kept" },
  "gateway/statements": { rank: 6, says: "the SQL endpoint: statements of the editor and the command line" },
  "gateway/files": { rank: 7, says: "buckets: S3 in front of a real server, and web sites" },
  "gateway/process": { rank: 8, says: "what the gateway is told, and how its parts are opened" },
  "gateway/main.ts": { rank: 9, says: "the gateway's process" },
  launcher: { rank: 9, says: "supervisor and local commands" },
  tools: { rank: 9, says: "rooms, toolchain, docs" },
  bench: { rank: 10, says: "published claims" },
  tests: { rank: 10, says: "what crosses a door" },
};

/** A heavy dependency and the rooms that may import it. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  // Tests of the gateway come with the client that tenants use.
  // The bench of the data API has a peer written by hand.
  pg: ["platform/sql", "tests", "bench"],
  "libpg-query": ["platform/grammar"],
  typescript: ["platform/syntax", "tools"],
  "quickjs-emscripten": ["platform/evaluate"],
  "@octokit/": ["platform/github", "tests"],
  "@pulumi/pulumi": [
    "platform/components",
    "platform/provider",
    "platform/program.ts",
    "reconciler/deploy",
    "tests",
    "bench",
  ],
  jose: ["platform/identity", "portal/forge", "gateway/web", "gateway/statements", "tests"],
  "rate-limiter-flexible": ["gateway/web"],
  cockatiel: ["portal/metrics"],
  "@redis/client": ["portal/metrics"],
  "@grafana/": ["observability"],
  "@prometheus-io/": ["observability", "tests"],
  "@node-rs/argon2": ["platform/identity"],
  otpauth: ["platform/identity", "tests"],
  nodemailer: ["platform/mail"],
  stripe: ["platform/stripe"],
  pdfkit: ["platform/billing"],
  "hyparquet-writer": ["platform/billing"],
  hyparquet: ["tests"],
  "@aws-sdk/": ["platform/objects", "tests"],
  "openid-client": ["portal/auth"],
  "@simplewebauthn/": ["portal/auth"],
  "oidc-provider": ["tests"],
  "playwright-core": ["tests"],
  "@peculiar/x509": ["gateway/tls"],
  "prom-client": ["platform/core"],
  pino: ["platform/core"],
  "@opentelemetry/": ["platform/core", "tests"],
  express: ["portal/api", "portal/forge", "portal/main.ts", "bench"],
  "node:child_process": [
    "platform/git",
    "platform/compute",
    "platform/backup",
    "gateway/pool",
    "gateway/files",
    "platform/evaluate",
    "platform/provider",
    "platform/transfer",
    "reconciler/deploy",
    "reconciler/review",
    "portal/forge",
    "portal/cli",
    "launcher",
    "tools",
    "bench",
    "tests",
  ],
};

const roots = [
  "tenants",
  "platform",
  "charts",
  "reconciler",
  "portal",
  "gateway",
  "observability",
  "launcher",
  "tools",
  "bench",
  "tests",
];

export function roomOf(file: string): string | undefined {
  return Object.keys(rooms)
    .filter((room) => file === room || file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function importsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    )
      found.push(node.moduleSpecifier.text);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) found.push(argument.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function problemsOf(file: string): string[] {
  const room = roomOf(file);
  if (room === undefined) return [`${file}: stands in no room; name its room in tools/rooms.ts`];
  return importsOf(file).flatMap((specifier) =>
    specifier.startsWith(".") ? local(file, room, specifier) : foreign(file, room, specifier),
  );
}

function local(file: string, room: string, specifier: string): string[] {
  const target = normalize(join(dirname(file), specifier));
  const other = roomOf(target);
  if (other === undefined || other === room) return [];
  const from = rooms[room]?.rank ?? 0;
  const to = rooms[other]?.rank ?? 0;
  const problems: string[] = [];
  const isTest = /\.test\.ts$/.test(file);
  if (from === -1 || (to >= from && !isTest))
    problems.push(`${file}: ${room} (rank ${from}) may not import ${other} (rank ${to})`);
  if (target !== other && relative(other, target) !== "index.ts")
    problems.push(`${file}: come into ${other} through its index.ts, not ${specifier}`);
  return problems;
}

function foreign(file: string, room: string, specifier: string): string[] {
  return (
    Object.entries(doors)
      .filter(([name]) => specifier === name || specifier.startsWith(name.endsWith("/") ? name : `${name}/`))
      .filter(([, allowed]) => !allowed.includes(room))
      // A test may start the process that it is about.
      .filter(([name]) => name !== "node:child_process" || !file.endsWith(".test.ts"))
      .map(([name, allowed]) => `${file}: only ${allowed.join(", ")} may import ${name}`)
  );
}

export function checkRooms(): string[] {
  return globSync(
    roots.map((root) => `${root}/**/*.ts`),
    { exclude: (name) => name === "node_modules" || name === "dist" },
  )
    .filter((file) => !file.includes("node_modules"))
    .flatMap(problemsOf);
}

export function drawRooms(): string {
  const byRank = Map.groupBy(Object.entries(rooms), ([, room]) => room.rank);
  const lines = [...byRank.entries()]
    .sort(([a], [b]) => b - a)
    .map(([rank, entries]) => {
      const title = rank === -1 ? "HTTP only" : `rank ${rank}`;
      const nodes = entries.map(
        ([name, room]) => `    ${name.replaceAll(/[/.]/g, "_")}["<b>${name}</b><br/>${room.says}"]`,
      );
      return [`  subgraph r${rank === -1 ? "x" : rank}["${title}"]`, ...nodes, "  end"].join("\n");
    });
  const order = [...byRank.keys()].filter((rank) => rank >= 0).sort((a, b) => b - a);
  const arrows = order.slice(1).map((rank, i) => `  r${order[i]} --> r${rank}`);
  return ["```mermaid", "flowchart TB", ...lines, ...arrows, "```"].join("\n");
}

const picture = join(import.meta.dirname, "..", "docs", "architecture.md");
const markers = { from: "<!-- rooms: made by tools/rooms.ts --write -->", to: "<!-- /rooms -->" };

/** docs/architecture.md with today's diagram between its markers. */
function withDiagram(document: string): string {
  const [before, rest] = document.split(markers.from);
  const after = rest?.split(markers.to)[1];
  if (before === undefined || after === undefined) throw new Error(`${picture} has lost the markers of its diagram`);
  return `${before}${markers.from}\n${drawRooms()}\n${markers.to}${after}`;
}

if (import.meta.main) {
  const document = readFileSync(picture, "utf8");
  if (process.argv.includes("--write")) writeFileSync(picture, withDiagram(document));
  else {
    const stale =
      withDiagram(document) === document
        ? []
        : ["docs/architecture.md: stale diagram; run `node tools/rooms.ts --write`"];
    const problems = [...checkRooms(), ...stale];
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) process.exit(1);
    console.log("the import law holds");
  }
}
