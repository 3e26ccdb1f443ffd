/** How many things each subject does at this moment, with a limit: what one caller keeps busy is not there for the others. */
export type Crowd = {
  /** Enters, unless `most` are inside already; the answer leaves again. */
  enter(subject: string, most: number): (() => void) | undefined;
};

export function makeCrowd(): Crowd {
  const inside = new Map<string, number>();
  return {
    enter(subject, most) {
      const now = inside.get(subject) ?? 0;
      if (now >= most) return undefined;
      inside.set(subject, now + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        const rest = (inside.get(subject) ?? 1) - 1;
        if (rest > 0) inside.set(subject, rest);
        else inside.delete(subject);
      };
    },
  };
}
