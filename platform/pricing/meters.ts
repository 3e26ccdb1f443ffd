import type { Placement, PriceBook } from "../spec/index.ts";

/** Hours of a billing month: what a `/month` price is divided by, in every month. */
export const hoursPerMonth = 730;
export const bytesPerGib = 1024 ** 3;

export type Meter =
  | "compute_unit_seconds"
  | "frozen_unit_seconds"
  | "storage_byte_hours"
  | "backup_byte_hours"
  | "egress_bytes"
  | "api_requests"
  | "connection_seconds";

export type MeterDefinition = {
  readonly title: string;
  /** Unit of a record's quantity. */
  readonly unit: string;
  /** What the price book prices: `per` is `divisor` times `unit`. null: measured, never billed. */
  readonly price: {
    readonly per: string;
    readonly divisor: bigint;
    readonly micros: (book: PriceBook) => number;
  } | null;
};

const gib = BigInt(bytesPerGib);
const gibMonth = gib * BigInt(hoursPerMonth);

/** Every meter. To add one, see docs/recipes/add-a-meter.md. */
export const meters: Readonly<Record<Meter, MeterDefinition>> = {
  compute_unit_seconds: {
    title: "Compute",
    unit: "unit-seconds",
    price: { per: "unit-hour", divisor: 3600n, micros: (book) => book.prices.computeUnitHourMicros },
  },
  frozen_unit_seconds: { title: "Compute frozen", unit: "unit-seconds", price: null },
  storage_byte_hours: {
    title: "Storage",
    unit: "byte-hours",
    price: { per: "GiB-month", divisor: gibMonth, micros: (book) => book.prices.storageGibMonthMicros },
  },
  backup_byte_hours: {
    title: "Backups",
    unit: "byte-hours",
    price: { per: "GiB-month", divisor: gibMonth, micros: (book) => book.prices.backupGibMonthMicros },
  },
  egress_bytes: {
    title: "Egress",
    unit: "bytes",
    price: { per: "GiB", divisor: gib, micros: (book) => book.prices.egressGibMicros },
  },
  api_requests: {
    title: "Data API requests",
    unit: "requests",
    price: { per: "million requests", divisor: 1_000_000n, micros: (book) => book.prices.apiMillionRequestsMicros },
  },
  connection_seconds: { title: "Connections", unit: "connection-seconds", price: null },
};

export const meterNames = Object.keys(meters) as readonly Meter[];
export const isMeter = (name: string): name is Meter => Object.hasOwn(meters, name);

/** The meters that a placement reads today. An estimate that passes them promises nothing that no invoice will ever hold. */
export const metersOf: Readonly<Record<Placement, readonly Meter[]>> = {
  local: [
    ...(["compute_unit_seconds", "frozen_unit_seconds", "storage_byte_hours"] as const),
    ...(["backup_byte_hours", "egress_bytes", "connection_seconds", "api_requests"] as const),
  ],
  kubernetes: meterNames,
  aws: meterNames,
};
