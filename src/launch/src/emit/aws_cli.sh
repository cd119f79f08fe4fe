# From here on the script is the same for every plan.

die() {
    echo "error: $*" >&2
    exit 1
}

say() {
    echo "$*" >&2
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
user_data >"$scratch/user-data"

# Whether the last call of `try` was refused with one of these codes or words.
refused() {
    grep -Eq "$1" "$scratch/error"
}

try() {
    aws "$@" >"$scratch/answer" 2>"$scratch/error"
}

# Calls again for two minutes while AWS does not show everywhere what was just made.
patiently() {
    local passes=$1 end=$((SECONDS + 120))
    shift
    until try "$@"; do
        if ! refused "$passes" || ((SECONDS >= end)); then
            return 1
        fi
        sleep 2
    done
}

# Makes something that may be there; then it must carry the tag of the cluster,
# which the command in the second part, after `--`, tells.
ours() {
    local what=$1 make=()
    shift
    while [[ $1 != -- ]]; do
        make+=("$1")
        shift
    done
    shift
    if try "${make[@]}"; then
        say "$what made"
        return
    fi
    refused '\((EntityAlreadyExists|InvalidPlacementGroup\.Duplicate|ConflictException)\)' \
        || die "$what: $(<"$scratch/error")"
    [[ $(aws "$@" --output text) == "$cluster" ]] || die "$what is there and not this cluster's"
}

role() {
    local name=$1 trust=$2 tags=$3
    ours "IAM role $name" iam create-role --role-name "$name" \
        --assume-role-policy-document "$trust" --tags "$tags" \
        -- iam list-role-tags --role-name "$name" --query "Tags[?Key=='$cluster_tag'].Value"
}

policy() {
    patiently NoSuchEntity iam put-role-policy --role-name "$1" --policy-name "$2" \
        --policy-document "$3" || die "policy of $1: $(<"$scratch/error")"
}

new_generation() {
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# A text with its length before it, as 64 bits, low byte first; at most 255 long.
field() {
    printf '%b\0\0\0\0\0\0\0%s' "\\x$(printf %02x "${#1}")" "$1"
}

# The same launch has the same token, here and in nixl-launch.
client_token() {
    printf 'nixl-'
    { field "$cluster"; field "$generation"; field "$1"; } | sha256sum | cut -c1-48
}

record() {
    patiently 'InvalidGroup\.NotFound' ec2 create-tags --resources "$group_id" \
        --tags "Key=nixl:generation,Value=$generation" "Key=nixl:attempt,Value=$1" \
        || die "record of the launch: $(<"$scratch/error")"
}

[[ $(aws sts get-caller-identity --query Account --output text) == "$account" ]] \
    || die "these credentials are not of account $account"

# Security group. Its tags say which launch may be in flight, before it is sent.
found=$(aws ec2 describe-security-groups \
    --filters "Name=group-name,Values=$security_group" "Name=vpc-id,Values=$vpc_id" \
    --query "SecurityGroups[].[GroupId, Tags[?Key=='$cluster_tag']|[0].Value, Tags[?Key=='nixl:generation']|[0].Value, Tags[?Key=='nixl:attempt']|[0].Value]" \
    --output text)
read -r group_id owner generation recorded <<<"$found"
if [[ -z $group_id ]]; then
    generation=$(new_generation)
    recorded=${records[0]}
    group_id=$(aws ec2 create-security-group --group-name "$security_group" \
        --description "Fabric of a nixl cluster: all traffic with itself, in both directions" \
        --vpc-id "$vpc_id" --query GroupId --output text --tag-specifications \
        "ResourceType=security-group,Tags=[{Key=$cluster_tag,Value=$cluster},{Key=nixl:generation,Value=$generation},{Key=nixl:attempt,Value=$recorded}]")
    say "security group $group_id made"
elif [[ $owner != "$cluster" ]]; then
    die "security group $group_id is there and not this cluster's"
elif [[ $generation == None ]]; then
    generation=$(new_generation)
fi
for direction in ingress egress; do
    patiently 'InvalidGroup\.NotFound' ec2 "authorize-security-group-$direction" \
        --group-id "$group_id" \
        --ip-permissions "IpProtocol=-1,UserIdGroupPairs=[{GroupId=$group_id}]" \
        || refused 'InvalidPermission\.Duplicate' \
        || die "$direction rule of $group_id: $(<"$scratch/error")"
done

# MLflow: its role, its bucket, then the server or the App; nothing if it is another's.
if [[ -n $mlflow_kind ]]; then
    role "$mlflow_role" "$mlflow_trust" "$mlflow_role_tags"
    policy "$mlflow_role" "$mlflow_policy_name" "$mlflow_policy"
    place=()
    if [[ $AWS_REGION != us-east-1 ]]; then
        place=(--create-bucket-configuration "LocationConstraint=$AWS_REGION")
    fi
    try s3api create-bucket --bucket "$mlflow_bucket" "${place[@]}" \
        || refused BucketAlreadyOwnedByYou \
        || die "bucket $mlflow_bucket: $(<"$scratch/error")"
    aws s3api put-public-access-block --bucket "$mlflow_bucket" --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    aws s3api put-bucket-encryption --bucket "$mlflow_bucket" \
        --server-side-encryption-configuration "$mlflow_bucket_encryption"
    aws s3api put-bucket-policy --bucket "$mlflow_bucket" --policy "$mlflow_bucket_policy"
    aws s3api put-bucket-tagging --bucket "$mlflow_bucket" --tagging "$mlflow_bucket_tags"
fi
make_mlflow() {
    patiently '\(ValidationException\).*[Rr]ole' sagemaker "$@" \
        --artifact-store-uri "s3://$mlflow_bucket/artifacts" --tags "$owner_tags" \
        --role-arn "arn:$partition:iam::$account:role/$mlflow_role"
}
if [[ $mlflow_kind == server ]] \
    && ! try sagemaker describe-mlflow-tracking-server --tracking-server-name "$mlflow_name"; then
    make_mlflow create-mlflow-tracking-server \
        --tracking-server-name "$mlflow_name" --tracking-server-size "$mlflow_size" \
        ${mlflow_version:+--mlflow-version "$mlflow_version"} || die "MLflow: $(<"$scratch/error")"
    say "MLflow tracking server $mlflow_name is being created"
fi

# ARN of the cluster's App: the one that nodes were told of, else the oldest.
own_app() {
    local arn recorded listed
    recorded=$(aws iam list-role-tags --role-name "$mlflow_role" --output text \
        --query "Tags[?Key=='$told_app_tag'].Value")
    listed=$(aws sagemaker list-mlflow-apps --output text --query \
        "sort_by(Summaries[?Name=='$mlflow_name' && !contains(['Deleting', 'Deleted', 'CreateFailed'], Status)], &CreationTime)[].Arn")
    for arn in $recorded $listed; do
        if [[ " ${listed//[[:space:]]/ } " == *" $arn "* ]] \
            && [[ $(aws sagemaker list-tags --resource-arn "$arn" --output text \
                --query "Tags[?Key=='$cluster_tag'].Value") == "$cluster" ]]; then
            echo "$arn"
            return
        fi
    done
}
if [[ $mlflow_kind == app ]]; then
    app_arn=$(own_app)
    if [[ -z $app_arn ]]; then
        # The same call again would make another: none is sent again unseen.
        if AWS_MAX_ATTEMPTS=1 make_mlflow create-mlflow-app --name "$mlflow_name" \
            --query Arn --output text; then
            app_arn=$(<"$scratch/answer")
            say "MLflow App $mlflow_name is being created"
        else
            cp "$scratch/error" "$scratch/refusal"
            app_arn=$(own_app)
            [[ -n $app_arn ]] || die "MLflow: $(<"$scratch/refusal")"
        fi
    fi
    patiently NoSuchEntity iam tag-role --role-name "$mlflow_role" \
        --tags "Key=$told_app_tag,Value=$app_arn" || die "role $mlflow_role: $(<"$scratch/error")"
    # Its id is known only now.
    node_policy=${node_policy//"$unknown_app"/"${app_arn##*/}"}
    node_tags=("${node_tags[@]//"$unknown_app"/"${app_arn##*/}"}")
    user_data | sed "s/$unknown_app/${app_arn##*/}/g" >"$scratch/user-data"
fi

# Role and instance profile of the nodes.
role "$node_role" "$node_trust" "$owner_tags"
policy "$node_role" "$node_policy_name" "$node_policy"
patiently NoSuchEntity iam attach-role-policy --role-name "$node_role" \
    --policy-arn "$ssm_policy_arn" || die "policy of $node_role: $(<"$scratch/error")"
ours "instance profile $node_role" iam create-instance-profile \
    --instance-profile-name "$node_role" --tags "$owner_tags" \
    -- iam list-instance-profile-tags --instance-profile-name "$node_role" \
    --query "Tags[?Key=='$cluster_tag'].Value"
patiently NoSuchEntity iam add-role-to-instance-profile --instance-profile-name "$node_role" \
    --role-name "$node_role" \
    || refused LimitExceeded \
    || die "instance profile $node_role: $(<"$scratch/error")"

# The nodes: all in one request, in the first place that has room.
there() {
    aws ec2 describe-instances --filters "Name=tag:$cluster_tag,Values=$cluster" \
        "Name=instance-state-name,Values=$1" --query 'Reservations[].Instances[].InstanceId' \
        --output text
}
found=$(there pending,running)
read -ra nodes <<<"${found//$'\n'/ }"
found=$(there shutting-down,stopping,stopped)
read -ra ending <<<"${found//$'\n'/ }"
if ((${#ending[@]} > 0)) || ((${#nodes[@]} > 0 && ${#nodes[@]} != size)); then
    die "the cluster is there and not whole (${nodes[*]} ${ending[*]}): remove it first"
fi
if ((${#nodes[@]} == 0)); then
    first=-1
    for at in "${!records[@]}"; do
        if [[ ${records[at]} == "$recorded" ]]; then
            first=$at
        fi
    done
    if ((first < 0)) && [[ $recorded == */* ]]; then
        die "another launch, $recorded, may be in flight: go on with nixl-launch up, or remove it"
    fi
    at=$((first < 0 ? 0 : first))
    for ((tried = 0; tried < ${#records[@]}; tried++, at = (at + 1) % ${#records[@]})); do
        record "${records[at]}"
        market=()
        if [[ ${markets[at]} == spot ]]; then
            market=(--instance-market-options 'MarketType=spot,SpotOptions={SpotInstanceType=one-time,InstanceInterruptionBehavior=terminate}')
        elif [[ ${markets[at]} == capacity-block ]]; then
            market=(--instance-market-options MarketType=capacity-block)
        fi
        if [[ -n ${reservations[at]} ]]; then
            market+=(--capacity-reservation-specification "CapacityReservationTarget={CapacityReservationId=${reservations[at]}}")
        fi
        group=${placement_groups[at]}
        if [[ -n $group ]]; then
            market+=(--placement "GroupName=$group")
        fi
        if [[ -n $group && -z ${reservations[at]} ]]; then
            ours "placement group $group" ec2 create-placement-group --group-name "$group" \
                --strategy cluster --tag-specifications \
                "ResourceType=placement-group,Tags=[{Key=$cluster_tag,Value=$cluster}]" \
                -- ec2 describe-placement-groups --group-names "$group" \
                --query "PlacementGroups[].Tags[?Key=='$cluster_tag'].Value[]"
        fi
        kinds=(instance volume network-interface)
        if [[ ${markets[at]} == spot ]]; then
            kinds+=(spot-instances-request)
        fi
        tags=$(printf ',{"ResourceType":"%s","Tags":'"${node_tags[at]//%/%%}"'}' "${kinds[@]}")
        say "$size ${types[at]} requested: ${records[at]%/*}"
        # A pending placement group and a new profile are refused as unknown.
        until patiently 'Invalid IAM Instance Profile name|has no associated IAM Roles|InvalidPlacementGroup\.Unknown|InvalidGroup\.NotFound' \
            ec2 run-instances --count "$size" --image-id "$image_id" --instance-type "${types[at]}" \
            --client-token "$(client_token "${records[at]}")" "${market[@]}" \
            --iam-instance-profile "Name=$node_role" \
            --network-interfaces "${interfaces[at]//@group@/$group_id}" \
            --user-data "file://$scratch/user-data" \
            --instance-initiated-shutdown-behavior terminate \
            --metadata-options HttpTokens=required,HttpEndpoint=enabled,HttpPutResponseHopLimit=1,InstanceMetadataTags=enabled \
            --tag-specifications "[${tags:1}]" \
            --query 'Instances[].InstanceId' --output text; do
            if refused '\(IdempotentInstanceTerminated\)'; then
                generation=$(new_generation)
                record "${records[at]}"
                continue
            fi
            break
        done
        read -ra nodes <"$scratch/answer" || true
        if ((${#nodes[@]} > 0)); then
            break
        fi
        refused '\((InsufficientInstanceCapacity|InsufficientHostCapacity|InsufficientCapacityOnHost|InsufficientFreeAddressesInSubnet|Unsupported)\)' \
            || die "launch: $(<"$scratch/error")"
        say "${records[at]%/*}: $(<"$scratch/error")"
        if [[ -n $group && -z ${reservations[at]} ]]; then
            try ec2 delete-placement-group --group-name "$group" || say "$group stays: $(<"$scratch/error")"
        fi
    done
fi
if ((${#nodes[@]} == 0)); then
    record none
    die "no room for $size nodes anywhere; try again later"
fi
aws ec2 wait instance-running --instance-ids "${nodes[@]}"

# What differs from node to node.
shown() {
    aws ec2 describe-instances --instance-ids "${nodes[@]}" --output text --query \
        "sort_by(Reservations[].Instances[], &AmiLaunchIndex)[].[AmiLaunchIndex, InstanceId, LaunchTime, Tags[?Key=='nixl:expires-at']|[0].Value, SubnetId, NetworkInterfaces[?Attachment.DeviceIndex==\`0\` && Attachment.NetworkCardIndex==\`0\`]|[0].NetworkInterfaceId]"
}
shown >"$scratch/nodes"
while read -r index id launched expires subnet interface; do
    name=$cluster-node$((index + 1))
    tags=("Key=Name,Value=$name")
    if [[ -n $prefill ]]; then
        role=decode
        if ((index < prefill)); then
            role=prefill
        fi
        tags+=("Key=nixl:role,Value=$role")
    fi
    if [[ -n $ttl_secs && $expires == None ]]; then
        expires=$(date -u -d "@$(($(date -d "$launched" +%s) + ttl_secs))" +%Y-%m-%dT%H:%M:%SZ)
        tags+=("Key=nixl:expires-at,Value=$expires")
    fi
    aws ec2 create-tags --resources "$id" --tags "${tags[@]}"

    # An address of its own, where EC2 assigns none.
    if [[ " $elastic_subnets " == *" $subnet "* ]]; then
        address=$(aws ec2 describe-addresses --query 'Addresses[0].AllocationId' --output text \
            --filters "Name=tag:$cluster_tag,Values=$cluster" "Name=tag:Name,Values=$name")
        if [[ $address == None ]]; then
            address=$(aws ec2 allocate-address --domain vpc --query AllocationId --output text \
                --tag-specifications "ResourceType=elastic-ip,Tags=[{Key=$cluster_tag,Value=$cluster},{Key=Name,Value=$name}]")
        fi
        aws ec2 associate-address --allocation-id "$address" --network-interface-id "$interface" \
            --query AssociationId --output text >/dev/null
    fi

    # Its end, also if it does not end itself.
    if [[ $expires != None ]]; then
        ours "schedule group $scheduler" scheduler create-schedule-group --name "$scheduler" \
            --tags "$owner_tags" \
            -- scheduler list-tags-for-resource --resource-arn "$schedule_group_arn" \
            --query "Tags[?Key=='$cluster_tag'].Value"
        role "$scheduler_role" "$scheduler_trust" "$owner_tags"
        policy "$scheduler_role" "$scheduler_policy_name" "$scheduler_policy"
        patiently '\(ValidationException\).*[Rr]ole' scheduler create-schedule --name "$id" \
            --group-name "$scheduler" --description "End of $name" \
            --schedule-expression "at(${expires%Z})" --flexible-time-window Mode=OFF \
            --action-after-completion DELETE --target \
            "{\"Arn\":\"arn:$partition:scheduler:::aws-sdk:ec2:terminateInstances\",\"RoleArn\":\"arn:$partition:iam::$account:role/$scheduler_role\",\"Input\":\"{\\\"InstanceIds\\\":[\\\"$id\\\"]}\"}" \
            || refused '\(ConflictException\)' \
            || die "schedule of $name: $(<"$scratch/error")"
    fi
    echo "$name $id ends ${expires/None/never}"
done <"$scratch/nodes"
