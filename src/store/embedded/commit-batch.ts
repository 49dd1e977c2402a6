import type { RootDatabase } from 'lmdb'

/** Writes all changes or none; flushed when it resolves. */
export async function commitBatch(root: RootDatabase, change: () => void): Promise<void> {
  try {
    await root.batch(change)
    await root.flushed
  } catch (error) {
    // lmdb hands out a second promise of the same failure; nobody else would take it.
    ;(error as { commitError?: Promise<never> }).commitError?.catch(() => {})
    throw error
  }
}
