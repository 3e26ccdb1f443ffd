/**
 * One buffer that every socket of the gateway is read into. A read is followed by its callback at once, so that no second socket
 * can come in between; what has to outlive the callback is copied. Saves the 64 KB that Node sets aside for each read otherwise,
 * and holds no memory for a session that is idle (decision 0016).
 */
export const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** What was read, of one's own: small pieces come from Node's pool. */
export function takeCopy(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  sharedBuffer.copy(bytes, 0, 0, count);
  return bytes;
}
