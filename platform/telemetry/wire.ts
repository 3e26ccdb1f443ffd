import { z } from "zod";
import { databaseStates, type Sample, valuesFrom } from "./sample.ts";

/** What reconcilers and portals of one installation derive from their vault: who shows it may ask for a look. */
export const metricsWord = "telemetry:word";

/** A sample as it crosses a process: figures that only the other side knows are left out. */
export const sampleWire: z.ZodType<Sample> = z.object({
  state: z.enum(databaseStates),
  atMs: z.number().nullable(),
  startedAtMs: z.number().nullable(),
  values: z.unknown().transform(valuesFrom),
  rates: z.unknown().transform(valuesFrom),
});
