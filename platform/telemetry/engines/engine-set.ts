import type { Engine, Placement } from "../../spec/index.ts";
import type { VitalKey } from "../vitals.ts";

/** A PromQL expression with the labels tenant, project, database and engine, or why this engine has no such sign. */
export type VitalRule = { readonly expr: string } | { readonly none: string };

/** How the vital signs of an engine come about, where it is placed so. */
export type EngineSet = {
  readonly engines: readonly Engine[];
  readonly placements: readonly Placement[];
  /** Whose series the expressions are over: our own, or those of an exporter beside the database. */
  readonly from: string;
  readonly vitals: Readonly<Record<VitalKey, VitalRule>>;
};

export const identity = "tenant, project, database, engine";
export const perDatabase = (expr: string, how: "sum" | "max" | "min" = "sum"): string =>
  `${how} by (${identity}) (${expr})`;
export const rule = (expr: string): VitalRule => ({ expr });
export const none = (why: string): VitalRule => ({ none: why });

/** `a / (a + b)`, absent where neither has happened. */
export const share = (a: string, b: string): string => `${a} / (${a} + ${b} > 0)`;

/** Long enough for four scrapes, so that one that fails leaves no hole. */
export const span = "2m";
export const rated = (series: string): string => perDatabase(`rate(${series}[${span}])`);

/** The job under which exporters beside databases are scraped; service discovery gives their targets our labels. */
export const exporterJob = "nebuladb-exporters";
