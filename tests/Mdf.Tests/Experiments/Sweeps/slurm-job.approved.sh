#!/bin/bash -l
#SBATCH --job-name=mdf-Bob_s_losses
#SBATCH --array=0-11%8
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@60
#SBATCH --output="/home/ada/runs/Bob's losses/slurm/cell-%a.log"
#SBATCH --partition=gpu,long
#SBATCH --account=lab-7
#SBATCH --time=4:00:00
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --gres=gpu:1

# Task N of this job array runs or resumes cell N of a sweep. mdf wrote this script.
module load 'dotnet/10.0' 'cuda' || exit 1
command=('dotnet' '/opt/mdf/mdf.dll' 'sweep' '/home/ada/losses.yaml' '-o' '/home/ada/runs/Bob'\''s losses' '--cell')
folder='/home/ada'
restarts=20

cell=${SLURM_ARRAY_TASK_ID:?this script is a job array of Slurm: submit it with sbatch}
# The plain number of a job can mean the whole array.
job=${SLURM_ARRAY_JOB_ID}_$cell
say() { printf '%(%F %T)T job %s: %s\n' -1 "$job" "$*"; }

# Slurm sends USR1 before the time limit, and TERM when it ends the job. Only the first is passed on: mdf would end at once at a second.
child=
signals=0
trap 'signals=$((signals + 1)); if [ -n "$child" ] && [ "$signals" = 1 ]; then kill -TERM "$child" 2> /dev/null; fi' USR1 TERM

cd -- "$folder" || exit 2
say "cell $cell starts on ${SLURMD_NODENAME:-this node}, restart ${SLURM_RESTART_COUNT:-0} of $restarts"
"${command[@]}" "$cell" &
child=$!
# The signal may have come before the number of the child was known.
if [ "$signals" -gt 0 ]; then kill -TERM "$child" 2> /dev/null; fi

# A signal interrupts 'wait', so wait until no signal came. 127: an earlier 'wait' has already returned the exit code.
code=127
while :; do
  before=$signals
  wait "$child"
  status=$?
  if [ "$status" != 127 ]; then code=$status; fi
  if [ "$signals" = "$before" ]; then break; fi
done

# 75: mdf has stopped and the cell can be resumed. Any other code after a signal: mdf was ended before its handlers were installed, or while it wrote its
# checkpoint. Then bash may have lost the code (-1). 0, 1 and 2 are results: finished, failed, wrong input.
case $code in
  75) resumable=1 ;;
  0 | 1 | 2) resumable= ;;
  *) resumable=${signals#0} ;;
esac
if [ -z "$resumable" ]; then
  say "cell $cell ended with exit code $code"
  exit "$code"
fi
if [ "${SLURM_RESTART_COUNT:-0}" -ge "$restarts" ]; then
  say "cell $cell was stopped and can be resumed, but it has had all its restarts"
  exit 75
fi
for attempt in 1 2 3; do
  if [ "$attempt" != 1 ]; then sleep 5; fi
  state=$(squeue -h -j "$job" -o '%T %r') || continue
  case $state in
    RUNNING* | *TimeLimit) ;;
    # Slurm has requeued the job itself, or the user has cancelled it: then requeueing would revive it.
    *)
      say "cell $cell was stopped and can be resumed; Slurm has ended this job (${state:-it is no longer in the queue})"
      exit 75
      ;;
  esac
  if scontrol requeue "$job"; then
    say "cell $cell was stopped, can be resumed, and is in the queue again"
    exit 75
  fi
done
say "cell $cell was stopped and can be resumed, but Slurm did not requeue it"
exit 75
