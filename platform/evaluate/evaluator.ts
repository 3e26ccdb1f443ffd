import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { ignoreObservations, type Observe } from "../core/index.ts";
import { deepFreeze } from "../spec/index.ts";
import { outOfTime, problemAt, sandboxDied, topOf } from "./errors.ts";
import { mayImport, placeOfPath } from "./layout.ts";
import { makePool } from "./pool.ts";
import type { Answer, Evaluated, EvaluatedFleet, EvaluatedTenant, Job, Subject } from "./protocol.ts";

/** Repository-relative path to text. Files outside of what the evaluation depends on are ignored. */
export type FileSet = ReadonlyMap<string, string>;

export type Evaluator = {
  /** One project: its folder and what its tenant shares. */
  readonly project: (files: FileSet, tenant: string, project: string) => Promise<Evaluated>;
  /** `tenant.ts`. */
  readonly tenant: (files: FileSet, tenant: string) => Promise<EvaluatedTenant>;
  /** `tenants/fleet/`. */
  readonly fleet: (files: FileSet) => Promise<EvaluatedFleet>;
  readonly close: () => Promise<void>;
};

export type EvaluatorOptions = {
  /** Results kept by the content they depend on. */
  readonly cacheEntries?: number;
  /** For one project; a file ends earlier. The child is killed 1.5 s later if it does not answer. */
  readonly timeoutMs?: number;
  /** For one file's program. */
  readonly memoryBytes?: number;
  /** Child processes at most; a second one is started only while projects have to wait. */
  readonly children?: number;
  readonly observe?: Observe;
};

const graceMs = 1_500;
/** A result that depends on the machine's speed is believed for so long only. */
const doubtfulMs = 60_000;

/** @throws NEB130 from its functions when the child does not start. */
export function makeEvaluator(options: EvaluatorOptions = {}): Evaluator {
  const { cacheEntries = 2_000, timeoutMs = 5_000, memoryBytes = 32 * 2 ** 20, children = 2 } = options;
  const { observe = ignoreObservations } = options;
  const cache = new LRUCache<string, Answer>({ max: cacheEntries });
  const pool = makePool(children);

  async function evaluate(subject: Subject, all: FileSet): Promise<Answer> {
    const startedAt = performance.now();
    const files = [...all].filter(([path]) => isInput(subject, path)).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = contentHash(subject, files);
    const known = cache.get(key);
    const answer = known ?? (await fresh({ ...subject, files, memoryBytes, timeMs: timeoutMs }));
    if (known === undefined) cache.set(key, answer, isDoubtful(answer) ? { ttl: doubtfulMs } : {});
    observe({
      kind: "evaluate.done",
      stack: subject.kind === "project" ? `${subject.tenant}.${subject.project}` : nameOf(subject),
      verdict: known === undefined ? answer.kind : "cached",
      problems: answer.kind === "invalid" ? answer.problems.length : 0,
      durationMs: performance.now() - startedAt,
    });
    return answer;
  }

  async function fresh(job: Job): Promise<Answer> {
    const ran = await pool.run(job, timeoutMs + graceMs);
    return deepFreeze(ran.kind === "answered" ? ran.answer : died(ran.file ?? nameOf(job)));
  }

  return {
    project: async (files, tenant, project) =>
      (await evaluate({ kind: "project", tenant, project }, files)) as Evaluated,
    tenant: async (files, tenant) => (await evaluate({ kind: "tenant", tenant }, files)) as EvaluatedTenant,
    fleet: async (files) => (await evaluate({ kind: "fleet" }, files)) as EvaluatedFleet,
    close: pool.close,
  };
}

function isInput(subject: Subject, path: string): boolean {
  const placed = placeOfPath(path);
  if (placed === undefined) return false;
  switch (subject.kind) {
    case "fleet":
      return placed.scope === "fleet";
    case "tenant":
      return placed.scope === "tenant" && placed.tenant === subject.tenant
        ? true
        : mayImport({ scope: "tenant", tenant: subject.tenant }, path);
    case "project":
      return mayImport({ scope: "project", tenant: subject.tenant, project: subject.project, declares: true }, path);
  }
}

function contentHash(subject: Subject, files: readonly (readonly [string, string])[]): string {
  const hash = createHash("sha256").update(nameOf(subject));
  for (const [path, text] of files) hash.update(`\0${path}\0${text.length}\0`).update(text);
  return hash.digest("hex");
}

function nameOf(subject: Subject): string {
  switch (subject.kind) {
    case "fleet":
      return "tenants/fleet";
    case "tenant":
      return `tenants/${subject.tenant}/tenant.ts`;
    case "project":
      return `tenants/${subject.tenant}/${subject.project}/project.ts`;
  }
}

const died = (file: string): Answer => ({
  kind: "invalid",
  problems: [problemAt(sandboxDied, topOf(file), "the evaluation did not come back and was ended")],
});

const isDoubtful = (answer: Answer): boolean =>
  answer.kind === "invalid" &&
  answer.problems.some(({ code }) => code === outOfTime.definition.code || code === sandboxDied.definition.code);
