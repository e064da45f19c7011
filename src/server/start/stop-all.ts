export type Stop = () => Promise<void>;

/**
 * Stops what was started, the last one first. One that fails is told and keeps no other from being stopped.
 * @throws the first failure, when all have been stopped.
 */
export async function stopAll(stops: readonly Stop[], onFailure: (error: unknown) => void): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of stops.toReversed()) {
    try {
      await stop();
    } catch (error) {
      failures.push(error);
      onFailure(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
