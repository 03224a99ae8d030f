export interface JobTables {
  scheduled_jobs: ScheduledJob;
}

export interface ScheduledJob {
  name: string;
  due_at: Date;
}
