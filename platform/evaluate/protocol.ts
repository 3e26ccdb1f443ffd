import type { DeclarationProblem, FleetSpec, ProjectSpec, SourceLocation, TenantSpec } from "../spec/index.ts";

/** What is evaluated, with all the files it may see. */
export type Job = Subject & {
  readonly files: readonly (readonly [path: string, text: string])[];
  readonly memoryBytes: number;
  readonly timeMs: number;
};

export type Subject =
  | { readonly kind: "project"; readonly tenant: string; readonly project: string }
  | { readonly kind: "tenant"; readonly tenant: string }
  | { readonly kind: "fleet" };

export type Invalid = { readonly kind: "invalid"; readonly problems: readonly DeclarationProblem[] };
export type Evaluated =
  | { readonly kind: "ok"; readonly spec: ProjectSpec; readonly sources: Readonly<Record<string, SourceLocation>> }
  | Invalid;
export type EvaluatedTenant = { readonly kind: "ok"; readonly spec: TenantSpec } | Invalid;
export type EvaluatedFleet = { readonly kind: "ok"; readonly spec: FleetSpec } | Invalid;
export type Answer = Evaluated | EvaluatedTenant | EvaluatedFleet;

/** Between the evaluator and its child. `last`: the child ends itself after this answer. */
export type ToChild = { readonly id: number; readonly job: Job };
export type FromChild =
  | { readonly kind: "ready" }
  /** This file's program is about to run: the last one named is to blame when nothing more is heard. */
  | { readonly kind: "running"; readonly file: string }
  | { readonly kind: "answer"; readonly id: number; readonly answer: Answer; readonly last: boolean };
