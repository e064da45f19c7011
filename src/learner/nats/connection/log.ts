import type { LearningObserver } from '../../learning.js';

export type Log = LearningObserver['log'];
