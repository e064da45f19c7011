/**
 * Runs tasks on several workers, each of which does one after the other, in the order of the tasks.
 * @returns what came out, in the order of the tasks. @throws the first error, once the workers that are busy are done
 */
export async function sideBySide<Task, Worker, Result>(
  tasks: readonly Task[],
  workers: readonly Worker[],
  run: (task: Task, worker: Worker) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(tasks.length);
  let next = 0;
  let failed = false;
  const work = async (worker: Worker) => {
    while (next < tasks.length && !failed) {
      const index = next++;
      try {
        results[index] = await run(tasks[index]!, worker);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(workers.map(work));
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
  return results;
}
