/** Where a span stands, as W3C Trace Context writes it: in a header, a row of the ledger, a message to a child process. */
export type TraceContext = {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether its spans are kept. */
  readonly sampled: boolean;
};

const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for everything that is none: what others sent, and what another version wrote, never stops anybody. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "00", rest] =
    (typeof text === "string" && shape.exec(text)) || [];
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
