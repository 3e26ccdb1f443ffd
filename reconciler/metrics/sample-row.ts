import type { DatabaseId } from "../../platform/spec/index.ts";
import type { DatabaseSample } from "../../platform/store/index.ts";
import { type DatabaseState, databaseStates, type Sample, valuesFrom } from "../../platform/telemetry/index.ts";

export const toRow = (instance: DatabaseId, { state, atMs, startedAtMs, values, rates }: Sample): DatabaseSample => ({
  ...{ instance, state, atMs, startedAtMs, figures: values, rates },
});

/** A row may have been written by another version: what is not known here is left out. */
export const fromRow = ({ state, atMs, startedAtMs, figures, rates }: DatabaseSample): Sample => ({
  ...{ state: isState(state) ? state : "stopped", atMs, startedAtMs },
  ...{ values: valuesFrom(figures), rates: valuesFrom(rates) },
});

const isState = (text: string): text is DatabaseState => (databaseStates as readonly string[]).includes(text);
