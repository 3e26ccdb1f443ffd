import type { StepResult } from "../../../platform/sql/index.ts";
import { contentTypeOf } from "../request/media.ts";
import type { ApiRequest } from "../request/request.ts";
import type { RestResponse } from "../types.ts";

/** The plan of the statement, as Postgres prints it. Nothing that it did stays done. */
export function respondPlan({ media, isHead }: ApiRequest, result: StepResult | undefined): RestResponse {
  const text = (result?.rows ?? []).map(([line]) => line ?? "").join("\n");
  return {
    status: 200,
    headers: { "content-type": contentTypeOf(media) },
    body: Buffer.from(isHead ? "" : text),
    facts: { wrote: [], rows: 0 },
  };
}
