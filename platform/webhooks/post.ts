/** What became of one attempt. `status` 0: nobody answered. */
export type Attempt = { readonly status: number; readonly error: string | null };

export type Posted = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
};

/** One POST. Any answer of 2xx is a receipt; a redirect is none. Never throws. `send` is the guarded one (platform/core). */
export async function post(send: typeof fetch, { url, headers, body, signal }: Posted): Promise<Attempt> {
  try {
    const response = await send(url, { method: "POST", headers, body, redirect: "manual", signal });
    return { status: response.status, error: response.ok ? null : `answered ${response.status}` };
  } catch (thrown) {
    return { status: 0, error: thrown instanceof Error ? thrown.message.slice(0, 300) : "failed" };
  }
}
