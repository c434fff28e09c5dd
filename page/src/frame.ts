/**
 * Drawing is put off to an animation frame: however many messages come, a view is drawn once in each. Figures that
 * change more often than `INTERVAL_MS` cannot be read, so frames between are left out.
 */

const INTERVAL_MS = 50;

const waiting = new Set<() => void>();
let drawnMs = -Infinity;

/** Have `view` drawn in the next frame; asking again before that changes nothing. */
export function draw(view: () => void): void {
  if (waiting.size === 0) schedule();
  waiting.add(view);
}

function schedule(): void {
  const waitMs = drawnMs + INTERVAL_MS - performance.now();
  if (waitMs <= 0) requestAnimationFrame(drawAll);
  else setTimeout(() => requestAnimationFrame(drawAll), waitMs);
}

function drawAll(nowMs: number): void {
  drawnMs = nowMs;
  const views = [...waiting];
  waiting.clear();
  for (const view of views) view();
}
