import type { Placement, PriceBook } from "../spec/index.ts";

/** Hours of a billing month: what a `/month` price is divided by, in every month. */
export const hoursPerMonth = 730;
export const bytesPerGib = 1024 ** 3;

export type Meter =
  | "compute_unit_seconds"
  | "frozen_unit_seconds"
  | "provisioned_unit_seconds"
  | "storage_byte_hours"
  | "branch_storage_byte_hours"
  | "backup_byte_hours"
  | "egress_bytes"
  | "api_requests"
  | "connection_seconds";

/**
 * How something is told from outside: a `delta` is what was used in a time, a `level` what there was from a moment on, a `counter` what
 * was counted up to a moment. Deltas are added; of levels and counters the readings beside each other count.
 */
export type Telling = "delta" | "level" | "counter";

export type MeterDefinition = {
  readonly title: string;
  /** Unit of a record's quantity. */
  readonly unit: string;
  /** What is summed exactly: so many of it are one unit. Of what is a level times a time it is the level times a millisecond. */
  readonly grain: bigint;
  /** How it may be told from outside. */
  readonly tellings: readonly Telling[];
  /** What the price book prices: `per` is `divisor` times `unit`. null: measured, never billed. */
  readonly price: {
    readonly per: string;
    readonly divisor: bigint;
    readonly micros: (book: PriceBook) => number;
  } | null;
};

const gib = BigInt(bytesPerGib);
const gibMonth = gib * BigInt(hoursPerMonth);
const unitSeconds = { unit: "unit-seconds", grain: 1_000n, tellings: ["delta", "level"] } as const;
const byteHours = { unit: "byte-hours", grain: 3_600_000n, tellings: ["delta", "level"] } as const;
const counted = { grain: 1n, tellings: ["delta", "counter"] } as const;
const unitHour = { per: "unit-hour", divisor: 3600n, micros: (book: PriceBook) => book.prices.computeUnitHourMicros };
const storedMonth = {
  per: "GiB-month",
  divisor: gibMonth,
  micros: (book: PriceBook) => book.prices.storageGibMonthMicros,
};

/** Every meter. To add one, see docs/recipes/add-a-meter.md. */
export const meters: Readonly<Record<Meter, MeterDefinition>> = {
  compute_unit_seconds: { title: "Compute", ...unitSeconds, price: unitHour },
  frozen_unit_seconds: { title: "Compute frozen", ...unitSeconds, price: null },
  /** What is held ready whether it works or not, where a placement rents it so; priced as compute. */
  provisioned_unit_seconds: { title: "Compute provisioned", ...unitSeconds, price: unitHour },
  storage_byte_hours: { title: "Storage", ...byteHours, price: storedMonth },
  branch_storage_byte_hours: { title: "Storage of branches", ...byteHours, price: storedMonth },
  backup_byte_hours: {
    title: "Backups",
    ...byteHours,
    price: { per: "GiB-month", divisor: gibMonth, micros: (book) => book.prices.backupGibMonthMicros },
  },
  egress_bytes: {
    title: "Egress",
    unit: "bytes",
    ...counted,
    price: { per: "GiB", divisor: gib, micros: (book) => book.prices.egressGibMicros },
  },
  api_requests: {
    title: "Data API requests",
    unit: "requests",
    ...counted,
    price: { per: "million requests", divisor: 1_000_000n, micros: (book) => book.prices.apiMillionRequestsMicros },
  },
  connection_seconds: {
    title: "Connections",
    unit: "connection-seconds",
    grain: 1_000n,
    tellings: ["delta", "level"],
    price: null,
  },
};

export const meterNames = Object.keys(meters) as readonly Meter[];
export const isMeter = (name: string): name is Meter => Object.hasOwn(meters, name);

/** The meters that a placement reads today. An estimate that passes them promises nothing that no invoice will ever hold. */
export const metersOf: Readonly<Record<Placement, readonly Meter[]>> = {
  local: meterNames.filter((meter) => meter !== "provisioned_unit_seconds"),
  kubernetes: meterNames.filter((meter) => meter !== "compute_unit_seconds" && meter !== "frozen_unit_seconds"),
  aws: meterNames.filter((meter) => meter !== "compute_unit_seconds" && meter !== "frozen_unit_seconds"),
};

/** What the reconciler samples itself on its own machine: told from outside as well, it would count twice. */
const sampledHere: readonly Meter[] = meterNames.filter((meter) => meters[meter].tellings.includes("level"));

/** Whether a meter of a database may be told from outside, and how. */
export const tellingsOf = (meter: Meter, placement: Placement): readonly Telling[] =>
  metersOf[placement].includes(meter) && !(placement === "local" && sampledHere.includes(meter))
    ? meters[meter].tellings
    : [];
